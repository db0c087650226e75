/** Tables: Grafana's own. */

import type { DynamicConfigValue, FieldConfigSource } from '@grafana/data';
import type { TableFieldOptions } from '@grafana/schema';
import { defaultTableFieldOptions } from '@grafana/schema';
import type { Options } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import { defaultOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import { TableNG } from '@grafana/ui/unstable';

import { NoData, NotDrawn } from './nothing';
import type { PanelProps, PanelType } from './type';

/** As dashboards for Grafana 11 and before have it; later ones take it from the fields. */
type OlderOptions = Options & { footer?: { show?: boolean } };

function Table(props: PanelProps<OlderOptions>) {
  const { where, options, fieldConfig, frames, range, width, height } = props;
  if (options.footer?.show) {
    return <NotDrawn where={where} what="a footer of Grafana 11" />;
  }
  if (frames.length > 1) {
    return <NotDrawn where={where} what="a table of several frames" />;
  }
  const frame = frames[0];
  if (!frame || frame.fields.length === 0) {
    return <NoData text={fieldConfig.defaults.noValue} />;
  }
  return (
    <TableNG
      data={frame}
      width={width}
      height={height}
      noHeader={!options.showHeader}
      showTypeIcons={options.showTypeIcons}
      resizable
      sortBy={options.sortBy}
      enablePagination={options.enablePagination}
      cellHeight={options.cellHeight}
      maxRowHeight={options.maxRowHeight}
      frozenColumns={options.frozenColumns?.left}
      fieldConfig={fieldConfig}
      timeRange={range}
      structureRev={1}
      transparent={false}
      noValue={fieldConfig.defaults.noValue}
    />
  );
}

/** Grafana 11 has `hidden`, later ones hide a column from the view. */
function migrate(config: FieldConfigSource): FieldConfigSource {
  const later = ({ id, value }: DynamicConfigValue): DynamicConfigValue =>
    id === 'custom.hidden' ? { id: 'custom.hideFrom.viz', value } : { id, value };
  const overrides = config.overrides.map((one) => ({ ...one, properties: one.properties.map(later) }));
  return { ...config, overrides };
}

const DEFAULTS: Partial<TableFieldOptions> = defaultTableFieldOptions;

export const table: PanelType = {
  Draw: Table,
  options: defaultOptions,
  color: { mode: 'thresholds' },
  migrate,
  custom: {
    ...DEFAULTS,
    filterable: false,
    width: undefined,
    minWidth: undefined,
    'hideFrom.viz': undefined,
    hideHeader: undefined,
    footer: undefined,
    tooltip: undefined,
    styleField: undefined,
    sortable: undefined,
    wrapText: undefined,
    wrapHeaderText: undefined,
  },
};
