/** Bar gauges: Grafana's `BarGauge` for each value. */

import type { DisplayValueAlignmentFactors, FieldDisplay } from '@grafana/data';
import { getDisplayProcessor, getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BarGaugeDisplayMode, BarGaugeSizing } from '@grafana/schema';
import type { Options } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import { defaultOptions } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { VizRepeaterRenderValueProps } from '@grafana/ui';
import { BarGauge, VizRepeater } from '@grafana/ui';

import { fails } from '../report';
import { LAST_VALUE } from './single';
import type { PanelProps, PanelType } from './type';

function BarGauges(props: PanelProps<Options>) {
  const { where, options, fieldConfig, frames, replaceVariables, theme, width, height } = props;
  if (options.legend?.showLegend) {
    fails(where, 'the legend of a bar gauge is not drawn here');
  }
  const values = () =>
    getFieldDisplayValues({
      fieldConfig,
      reduceOptions: options.reduceOptions,
      replaceVariables,
      theme,
      data: frames,
      timeZone: 'browser',
    });
  const spacing = options.displayMode === BarGaugeDisplayMode.Lcd ? 2 : 10;
  const draw = (one: VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>) => (
    <BarGauge
      value={one.value.display}
      field={one.value.field}
      display={getDisplayProcessor({ field: { config: one.value.field }, theme, timeZone: 'browser' })}
      width={one.width}
      height={one.height}
      orientation={one.orientation}
      alignmentFactors={one.count > 1 ? one.alignmentFactors : undefined}
      itemSpacing={spacing}
      displayMode={options.displayMode}
      showUnfilled={options.showUnfilled}
      valueDisplayMode={options.valueMode}
      namePlacement={options.namePlacement}
      text={options.text}
      theme={theme}
    />
  );
  const isManual = options.sizing === BarGaugeSizing.Manual;
  const sizes = isManual ? options : { ...options, ...defaultOptions };
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={draw}
      width={width}
      height={height}
      minVizWidth={sizes.minVizWidth}
      minVizHeight={sizes.minVizHeight}
      maxVizHeight={sizes.maxVizHeight}
      source={frames}
      itemSpacing={spacing}
      renderCounter={0}
      orientation={options.orientation}
    />
  );
}

export const bargauge: PanelType = {
  Draw: BarGauges,
  options: { ...defaultOptions, ...LAST_VALUE },
  color: { mode: 'thresholds' },
  custom: {},
};
