/** Interface of a panel type. */

import type { DataFrame, FieldConfigSource, GrafanaTheme2, InterpolateFunction, TimeRange } from '@grafana/data';
import type { ComponentType } from 'react';

export interface PanelProps<Options> {
  /** The panel's title, for reports. */
  where: string;
  options: Options;
  fieldConfig: FieldConfigSource;
  frames: DataFrame[];
  replaceVariables: InterpolateFunction;
  range: TimeRange;
  theme: GrafanaTheme2;
  width: number;
  height: number;
}

export interface PanelType {
  // Each draws options of its own.
  Draw: ComponentType<PanelProps<any>>;
  /** Options where the dashboard gives none. */
  options: object;
  /** The color mode where the dashboard gives none. */
  color: { mode: string };
  /** The type's own options of fields with their defaults; `undefined` where there is none. */
  custom: Record<string, unknown>;
  /** What Grafana's current version makes of options of an earlier one. */
  migrate?(config: FieldConfigSource): FieldConfigSource;
}
