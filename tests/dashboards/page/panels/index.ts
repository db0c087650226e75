/** The panel types that the page draws. */

import { bargauge } from './bargauge';
import { heatmap } from './heatmap';
import { stat } from './stat';
import { table } from './table';
import { text } from './text';
import { timeseries } from './timeseries';
import type { PanelType } from './type';

export const panelTypes: Record<string, PanelType | undefined> = {
  bargauge,
  heatmap,
  stat,
  table,
  text,
  timeseries,
};
