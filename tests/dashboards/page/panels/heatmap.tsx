/**
 * Heatmaps. `@grafana/ui` has none: the axes are Grafana's, the cells and the legend are drawn here after
 * Grafana's rules, and so may differ in a pixel.
 */

import { formattedValueToString, getValueFormat } from '@grafana/data';
import type { GrafanaTheme2 } from '@grafana/data';
import type { Options } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import { defaultOptions } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import { UPlotChart } from '@grafana/ui';

import { cellsOf, isShown, span } from './heatmap/cells';
import { colorOf, palette } from './heatmap/palette';
import { plot } from './heatmap/plot';
import { NoData, NotDrawn } from './nothing';
import type { PanelProps, PanelType } from './type';

const LEGEND_HEIGHT = 32;

function Heatmap(props: PanelProps<Options>) {
  const { where, options, fieldConfig, frames, range, theme, width, height } = props;
  const colors = palette(options.color, theme);
  if (options.calculate || !colors) {
    const what = options.calculate ? 'a heatmap calculated from data' : `the scheme ${options.color.scheme}`;
    return <NotDrawn where={where} what={what} />;
  }
  const found = cellsOf(frames, options);
  const cells = found?.cells.filter((cell) => isShown(cell, options)) ?? [];
  if (!found || cells.length === 0) {
    return <NoData text={fieldConfig.defaults.noValue} />;
  }
  const counts = span(cells, options);
  const config = plot(
    { ...found, cells },
    (cell) => colorOf(cell.count, counts, colors),
    options,
    range,
    theme
  );
  const ends = [range.from.valueOf(), range.to.valueOf()];
  return (
    <>
      <UPlotChart
        config={config}
        data={[ends, [1, 1]]}
        width={width}
        height={options.legend.show ? height - LEGEND_HEIGHT : height}
      />
      {options.legend.show && <Legend counts={counts} colors={colors} options={options} theme={theme} />}
    </>
  );
}

interface LegendProps {
  counts: [number, number];
  colors: string[];
  options: Options;
  theme: GrafanaTheme2;
}

function Legend({ counts, colors, options, theme }: LegendProps) {
  const format = getValueFormat(options.cellValues?.unit ?? 'short');
  const { typography, spacing } = theme;
  return (
    <div style={{ width: 280, padding: spacing(0.5, 1), fontSize: typography.bodySmall.fontSize }}>
      <div style={{ height: 9, background: `linear-gradient(90deg, ${colors.join(', ')})` }} />
      <div style={{ display: 'flex', justifyContent: 'space-between', lineHeight: '16px' }}>
        {counts.map((count, index) => (
          <span key={index}>{formattedValueToString(format(count, options.cellValues?.decimals))}</span>
        ))}
      </div>
    </div>
  );
}

export const heatmap: PanelType = {
  Draw: Heatmap,
  options: { ...defaultOptions, yAxis: {} },
  color: { mode: 'thresholds' },
  custom: { scaleDistribution: { type: 'linear' }, hideFrom: undefined },
};
