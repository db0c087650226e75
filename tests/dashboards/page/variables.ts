/** The dashboard's variables with the values that it opens with. */

import type { TimeRange } from '@grafana/data';

import type { Variable } from './interpolate';
import { forPromQL, interpolator } from './interpolate';
import type { Dashboard, VariableModel } from './model';
import type { Prometheus } from './prometheus';
import { fails } from './report';

const ALL = '$__all';
/** Name of the only data source, as Grafana names the first one. */
const DATA_SOURCE = 'prometheus';

/** Each may ask for the values of those before it. */
export async function resolve(
  dashboard: Dashboard,
  prometheus: Prometheus,
  range: TimeRange
): Promise<Variable[]> {
  const variables: Variable[] = [];
  for (const model of dashboard.templating?.list ?? []) {
    const where = `variable ${model.name}`;
    const options = await optionsOf(model, prometheus, range, variables, where);
    variables.push(chosen(model, options, where));
  }
  return variables;
}

/** The selectable values; `undefined` if any value is accepted. */
async function optionsOf(
  model: VariableModel,
  prometheus: Prometheus,
  range: TimeRange,
  before: Variable[],
  where: string
): Promise<string[] | undefined> {
  switch (model.type) {
    case 'datasource':
      return [DATA_SOURCE];
    case 'textbox':
    case 'constant':
      return undefined;
    case 'custom':
      return String(model.query ?? '').split(',').map((one) => one.trim());
    case 'query': {
      const query = typeof model.query === 'string' ? model.query : String(model.query?.['query'] ?? '');
      const written = interpolator(before, {}, where, forPromQL)(query);
      const found = await values(written, prometheus, range);
      return sorted(filtered(found, model.regex), model.sort ?? 0, where);
    }
    default:
      throw new Error(`${where}: the type ${model.type} is not drawn here`);
  }
}

async function values(query: string, prometheus: Prometheus, range: TimeRange): Promise<string[]> {
  const [, match, label] = /^label_values\((?:(.+),\s*)?([a-zA-Z_][a-zA-Z0-9_]*)\)\s*$/.exec(query) ?? [];
  if (label === undefined) {
    throw new Error(`the query ${query} is not drawn here`);
  }
  return prometheus.labelValues(label, match, range.from.unix(), range.to.unix());
}

function filtered(values: string[], pattern: string | undefined): string[] {
  if (!pattern) {
    return values;
  }
  const [, body, flags] = /^\/(.*)\/([a-z]*)$/.exec(pattern) ?? [undefined, `^${pattern}$`, ''];
  const regex = new RegExp(body!, flags?.replace('g', ''));
  const found = values.map((one) => regex.exec(one)).filter((one) => one !== null);
  return [...new Set(found.map((one) => one[1] ?? one[0]))];
}

function sorted(values: string[], sort: number, where: string): string[] {
  switch (sort) {
    case 0:
      return values;
    case 1:
      return [...values].sort();
    case 2:
      return [...values].sort().reverse();
    default:
      fails(where, `the order ${sort} is not drawn here`);
      return values;
  }
}

function chosen(model: VariableModel, options: string[] | undefined, where: string): Variable {
  const saved = [model.current?.value ?? []].flat();
  const base: Omit<Variable, 'text' | 'value'> = {
    name: model.name,
    label: model.label || model.name,
    hidden: model.hide === 2,
    isPattern: Boolean(model.multi || model.includeAll),
    control: options === undefined ? 'text' : model.multi ? 'several' : 'one',
    isRaw: false,
  };
  if (options === undefined) {
    const value = saved[0] ?? String(model.query ?? '');
    return { ...base, text: value, value };
  }
  if (options.length === 0) {
    fails(where, 'there is nothing to choose');
  }
  const known = saved.filter((one) => options.includes(one) || (one === ALL && model.includeAll));
  const picked = known.length > 0 ? known : [model.includeAll ? ALL : options[0] ?? ''];
  if (!picked.includes(ALL)) {
    return { ...base, text: picked.join(' + '), value: model.multi ? picked : picked[0]! };
  }
  return model.allValue
    ? { ...base, text: 'All', value: model.allValue, isRaw: true }
    : { ...base, text: 'All', value: options };
}
