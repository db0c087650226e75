/** Stat panels: Grafana's `BigValue` for each value. */

import type { DisplayValueAlignmentFactors, FieldDisplay } from '@grafana/data';
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import type { Options } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import { defaultOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { VizRepeaterRenderValueProps } from '@grafana/ui';
import { BigValue, BigValueGraphMode, BigValueTextMode, VizRepeater } from '@grafana/ui';

import { LAST_VALUE } from './single';
import type { PanelProps, PanelType } from './type';

function Stat({ options, fieldConfig, frames, replaceVariables, theme, width, height }: PanelProps<Options>) {
  const values = () =>
    getFieldDisplayValues({
      fieldConfig,
      reduceOptions: options.reduceOptions,
      replaceVariables,
      theme,
      data: frames,
      sparkline: options.graphMode !== BigValueGraphMode.None,
      percentChange: options.showPercentChange,
      timeZone: 'browser',
    });
  const isNamed = fieldConfig.defaults.displayName && options.textMode === BigValueTextMode.Auto;
  const draw = (props: VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>) => (
    <BigValue
      value={props.value.display}
      sparkline={props.value.sparkline}
      count={props.count}
      alignmentFactors={props.alignmentFactors}
      width={props.width}
      height={props.height}
      colorMode={options.colorMode}
      graphMode={options.graphMode}
      justifyMode={options.justifyMode}
      textMode={isNamed ? BigValueTextMode.ValueAndName : options.textMode}
      text={options.text}
      percentChangeColorMode={options.percentChangeColorMode}
      disableWideLayout={!options.wideLayout}
      theme={theme}
    />
  );
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={draw}
      width={width}
      height={height}
      source={frames}
      itemSpacing={3}
      renderCounter={0}
      autoGrid
      orientation={options.orientation}
    />
  );
}

export const stat: PanelType = {
  Draw: Stat,
  options: { ...defaultOptions, ...LAST_VALUE },
  color: { mode: 'thresholds' },
  custom: {},
};
