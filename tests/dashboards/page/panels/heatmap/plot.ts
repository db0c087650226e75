/** The plot of a heatmap: Grafana's axes, and cells that are drawn here. */

import type { GrafanaTheme2, TimeRange } from '@grafana/data';
import { formattedValueToString, getValueFormat } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleDistribution, ScaleOrientation } from '@grafana/schema';
import type { Options } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import { UPlotConfigBuilder } from '@grafana/ui';
import uPlot from 'uplot';

import type { Cell, Cells } from './cells';

/** The least height of a label of the ordinal axis, in pixels. */
const LABEL = 10;

export function plot(
  { cells, step, bounds }: Cells,
  color: (cell: Cell) => string,
  options: Options,
  range: TimeRange,
  theme: GrafanaTheme2
): UPlotConfigBuilder {
  const builder = new UPlotConfigBuilder('browser');
  builder.addScale({
    scaleKey: 'x',
    isTime: true,
    orientation: ScaleOrientation.Horizontal,
    direction: ScaleDirection.Right,
    range: () => [range.from.valueOf(), range.to.valueOf()],
  });
  builder.addAxis({
    scaleKey: 'x',
    isTime: true,
    placement: AxisPlacement.Bottom,
    timeZone: 'browser',
    theme,
  });
  // The bucket of zero has no place on a logarithmic scale: Grafana does not show it there.
  const drawn = bounds ? cells : cells.filter((cell) => cell.low > 0);
  const lows = drawn.map((cell) => cell.low);
  const highs = drawn.map((cell) => cell.high);
  const ends = (): [number, number] =>
    bounds
      ? [0, bounds.length - 1]
      : (uPlot.rangeLog(Math.min(...lows), Math.max(...highs), 2, true) as [number, number]);
  builder.addScale({
    scaleKey: 'y',
    orientation: ScaleOrientation.Vertical,
    direction: options.yAxis.reverse ? ScaleDirection.Down : ScaleDirection.Up,
    distribution: bounds ? ScaleDistribution.Linear : ScaleDistribution.Log,
    log: 2,
    range: ends,
  });
  const format = getValueFormat(options.yAxis.unit ?? 'short');
  builder.addAxis({
    scaleKey: 'y',
    placement: options.yAxis.axisPlacement ?? AxisPlacement.Left,
    size: options.yAxis.axisWidth ?? null,
    label: options.yAxis.axisLabel,
    theme,
    formatValue: (value, decimals) =>
      formattedValueToString(format(value, options.yAxis.decimals ?? decimals)),
    splits: bounds && ((u) => thinned(bounds.map((_, index) => index), u.height)),
    values: bounds && ((_, splits) => splits.map((index) => bounds[index] ?? '')),
  });
  builder.addSeries({ scaleKey: 'y', theme, pathBuilder: () => null, pointsBuilder: () => false });
  builder.addHook('draw', (u) => draw(u, drawn, step, color, options.cellGap ?? 1));
  return builder;
}

function draw(u: uPlot, cells: Cell[], step: number, color: (cell: Cell) => string, gap: number): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const cell of cells) {
    const [left, right] = [cell.time - step, cell.time].map((time) => u.valToPos(time, 'x', true));
    const [bottom, top] = [cell.low, cell.high].map((value) => u.valToPos(value, 'y', true));
    ctx.fillStyle = color(cell);
    const [width, height] = [right! - left!, Math.abs(bottom! - top!)].map((size) => Math.max(1, size - gap));
    ctx.fillRect(left! + gap / 2, Math.min(bottom!, top!) + gap / 2, width!, height!);
  }
  ctx.restore();
}

/** Every second label is left out until they have room. */
function thinned(splits: number[], height: number): number[] {
  let kept = splits;
  while (kept.length > 3 && (height - 15) / kept.length < LABEL) {
    kept = kept.filter((_, index) => index % 2 === 0);
  }
  return kept;
}
