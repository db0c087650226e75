/**
 * Whether Grafana knows what a panel names. What it does not know it passes over in silence, and the
 * panel shows something else than was meant; so this reports it.
 */

import type { FieldConfigOptionsRegistry, FieldConfigSource, FieldConfig } from '@grafana/data';
import { fieldMatchers, fieldReducers, getValueFormats, standardTransformersRegistry } from '@grafana/data';

import type { Panel } from './model';
import { titleOf } from './model';
import { fails } from './report';

export function reportUnknown(panel: Panel, config: FieldConfigSource, options: FieldConfigOptionsRegistry): void {
  const where = titleOf(panel);
  const check = (what: string, names: string[], isKnown: (name: string) => boolean) => {
    for (const name of new Set(names)) {
      if (!isKnown(name)) {
        fails(where, `${what} ${name} is unknown to Grafana`);
      }
    }
  };
  const { defaults, overrides } = config;
  const set = overrides.flatMap((one) => one.properties);
  check('the option', [...idsOf(defaults), ...set.map((one) => one.id)], (id) => !!options.getIfExists(id));
  check('the matcher', overrides.map((one) => one.matcher.id), (id) => !!fieldMatchers.getIfExists(id));
  const units = [defaults.unit, ...set.filter((one) => one.id === 'unit').map((one) => String(one.value))];
  check('the unit', units.filter((one) => one !== undefined), isUnit);
  const transformations = (panel.transformations ?? []).map((one) => one.id);
  check('the transformation', transformations, (id) => !!standardTransformersRegistry.getIfExists(id));
  check('the calculation', calculations(panel), (id) => !!fieldReducers.getIfExists(id));
}

function idsOf(defaults: FieldConfig): string[] {
  const { custom, ...standard } = defaults;
  return [...Object.keys(standard), ...Object.keys(custom ?? {}).map((key) => `custom.${key}`)];
}

function calculations(panel: Panel): string[] {
  type Options = { reduceOptions?: { calcs?: string[] }; legend?: { calcs?: string[] } };
  const { reduceOptions, legend } = (panel.options ?? {}) as Options;
  return [...(reduceOptions?.calcs ?? []), ...(legend?.calcs ?? [])];
}

/** Grafana appends any text that is not a unit id to the value. Such a text must be written as `suffix:`. */
function isUnit(unit: string): boolean {
  const [kind] = unit.split(':');
  const ids = getValueFormats().flatMap((category) => category.submenu.map((one) => one.value));
  return ids.includes(unit) || ['prefix', 'suffix', 'time', 'si', 'count', 'currency', 'bool'].includes(kind!);
}
