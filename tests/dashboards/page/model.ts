/** The dashboard's schema, as far as the page reads it. */

import type { Dashboard, Panel, RowPanel, VariableModel } from '@grafana/schema';

export type { Dashboard, Panel, RowPanel, VariableModel };

export type GridPos = NonNullable<Panel['gridPos']>;

/** A query of Prometheus' data source. */
export interface Target {
  refId: string;
  expr?: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  interval?: string;
  intervalFactor?: number;
  hide?: boolean;
}

export function isRow(panel: Panel | RowPanel): panel is RowPanel {
  return panel.type === 'row';
}

export function targets(panel: Panel): Target[] {
  const all = (panel.targets ?? []) as unknown as Target[];
  return all.filter((target) => !target.hide);
}

export function titleOf(panel: Panel | RowPanel): string {
  return panel.title || `panel ${panel.id}`;
}
