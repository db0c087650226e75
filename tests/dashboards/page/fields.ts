/**
 * The options of a field that may be set for all fields or by an override. Grafana takes only those that
 * a panel type registers, and so does this.
 */

import type { FieldConfigPropertyItem } from '@grafana/data';
import {
  FieldConfigOptionsRegistry,
  FieldType,
  booleanOverrideProcessor,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  identityOverrideProcessor,
  numberOverrideProcessor,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from '@grafana/data';

type Process = FieldConfigPropertyItem['process'];

const STANDARD: Record<string, Process> = {
  displayName: displayNameOverrideProcessor,
  unit: unitOverrideProcessor as Process,
  decimals: numberOverrideProcessor,
  min: numberOverrideProcessor,
  max: numberOverrideProcessor,
  fieldMinMax: booleanOverrideProcessor,
  noValue: stringOverrideProcessor,
  color: identityOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
  links: dataLinksOverrideProcessor,
  filterable: booleanOverrideProcessor,
};

const OF_NUMBERS = ['decimals', 'min', 'max', 'fieldMinMax', 'thresholds'];

/** Of a panel type that registers these options of its own. */
export function registry(custom: readonly string[]): FieldConfigOptionsRegistry {
  const item = (id: string, path: string, process: Process, isCustom: boolean): FieldConfigPropertyItem => ({
    id,
    path,
    name: id,
    process,
    isCustom,
    shouldApply: (field) => field.type === FieldType.number || !OF_NUMBERS.includes(id),
    editor: () => null,
    override: () => null,
  });
  const standard = Object.entries(STANDARD).map(([id, process]) => item(id, id, process, false));
  const own = custom.map((path) => item(`custom.${path}`, path, identityOverrideProcessor, true));
  return new FieldConfigOptionsRegistry(() => [...standard, ...own]);
}
