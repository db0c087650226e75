/** The colors of a heatmap: d3's schemes, which Grafana uses too. */

import type { GrafanaTheme2 } from '@grafana/data';
import type { HeatmapColorOptions } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import { HeatmapColorMode } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import * as chromatic from 'd3-scale-chromatic';

/** Schemes that end bright: Grafana turns them round in the light theme. */
const BRIGHT_END = ['Turbo', 'Cividis', 'Viridis', 'Magma', 'Inferno', 'Plasma', 'Warm', 'Cool'];
/** Schemes that end dark: Grafana turns them round in the dark theme. */
const DARK_END = ['Blues', 'Greens', 'Greys', 'Oranges', 'Purples', 'Reds', 'YlOrRd', 'YlGnBu', 'YlOrBr'];

/** As many colors as the options have steps; `undefined` for what is not drawn here. */
export function palette(options: HeatmapColorOptions, theme: GrafanaTheme2): string[] | undefined {
  const { scheme, steps, reverse, mode } = options;
  const isKnown = BRIGHT_END.includes(scheme) || DARK_END.includes(scheme);
  if (mode === HeatmapColorMode.Opacity || !isKnown) {
    return undefined;
  }
  const interpolate = (chromatic as unknown as Record<string, (t: number) => string>)[`interpolate${scheme}`]!;
  const colors = Array.from({ length: steps }, (_, index) => interpolate(index / (steps - 1)));
  const isTurned = theme.isLight ? BRIGHT_END.includes(scheme) : DARK_END.includes(scheme);
  return reverse || isTurned ? colors.reverse() : colors;
}

export function colorOf(value: number, [least, greatest]: [number, number], colors: string[]): string {
  const share = (value - least) / (greatest - least || 1);
  return colors[Math.min(colors.length - 1, Math.max(0, Math.floor(share * colors.length)))]!;
}
