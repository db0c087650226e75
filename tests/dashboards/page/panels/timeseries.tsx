/** Time series: Grafana's `TimeSeries` with axes, thresholds, stacking and legend. */

import type { DataFrame } from '@grafana/data';
import { FieldType } from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import type { Options } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import { TimeSeries } from '@grafana/ui';

import { NoData } from './nothing';
import type { PanelProps, PanelType } from './type';

function Lines({ options, fieldConfig, frames, range, width, height }: PanelProps<Options>) {
  const drawn = frames.filter(isGraph).map(finite);
  if (drawn.length === 0) {
    return <NoData text={fieldConfig.defaults.noValue} />;
  }
  return (
    <TimeSeries
      frames={drawn}
      structureRev={1}
      timeRange={range}
      timeZone="browser"
      width={width}
      height={height}
      legend={options.legend}
      options={options}
    />
  );
}

function isGraph(frame: DataFrame): boolean {
  const has = (type: FieldType) => frame.fields.some((field) => field.type === type);
  return frame.length > 0 && has(FieldType.time) && has(FieldType.number);
}

/** Without NaN and infinities, which Grafana leaves out of a graph. */
function finite(frame: DataFrame): DataFrame {
  const known = (value: unknown) => (Number.isFinite(value) ? value : null);
  const fields = frame.fields.map((field) =>
    field.type === FieldType.number ? { ...field, values: field.values.map(known) } : field
  );
  return { ...frame, fields };
}

const NOTHING_HIDDEN = { legend: false, tooltip: false, viz: false };

export const timeseries: PanelType = {
  Draw: Lines,
  options: {
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true },
    tooltip: { mode: 'single', sort: 'none' },
  },
  color: { mode: 'palette-classic' },
  custom: {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    lineStyle: undefined,
    fillOpacity: 0,
    fillBelowTo: undefined,
    gradientMode: 'none',
    barAlignment: 0,
    barWidthFactor: 0.6,
    barMaxWidth: undefined,
    showPoints: 'auto',
    pointSize: 5,
    showValues: false,
    spanNulls: false,
    insertNulls: false,
    stacking: { mode: 'none', group: 'A' },
    transform: undefined,
    thresholdsStyle: { mode: 'off' },
    hideFrom: NOTHING_HIDDEN,
    axisPlacement: 'auto',
    axisLabel: '',
    axisColorMode: 'text',
    axisBorderShow: false,
    axisCenteredZero: false,
    axisGridShow: true,
    axisSoftMin: undefined,
    axisSoftMax: undefined,
    axisWidth: undefined,
    scaleDistribution: { type: 'linear' },
  },
};
