/**
 * What a dashboard of this repository may contain: Grafana's own schema, narrowed to the panel types that
 * are drawn here, each with its options, and with every override checked against the option that it sets.
 * A generated file states `{...} satisfies Checked` for each dashboard, so that nothing unknown passes.
 */

import type {
  Dashboard,
  FieldConfig,
  GraphFieldConfig,
  Panel,
  RowPanel,
  TableFieldOptions,
  VariableModel,
} from '@grafana/schema';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type {
  FieldConfig as HeatmapField,
  Options as Heatmap,
} from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as Table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as Text } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type { Options as TimeSeries } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

import type { Target } from '../page/model';
import type { Plain, Some } from './plain';

/** A dashboard as it is committed. */
export type Checked = Omit<Plain<Dashboard>, 'panels' | 'templating' | 'links' | 'annotations'> & {
  annotations?: { list: Annotation[] };
  panels: AnyPanel[];
  templating?: { list: Variable[] };
  links?: Link[];
};

type AnyPanel = Row | OnePanel;

type Row = Omit<Plain<RowPanel>, 'panels'> & { panels: OnePanel[] };

type OnePanel =
  | Of<'bargauge', BarGauge, object>
  | Of<'heatmap', Heatmap, HeatmapField>
  | Of<'stat', Stat, object>
  | Of<'table', Table & OlderTable, TableFieldOptions & OlderColumn>
  | Of<'text', Text, object>
  | Of<'timeseries', TimeSeries, GraphFieldConfig>;

type Of<Type, Options, Custom> = Omit<Plain<Panel>, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Type;
  options?: Some<Plain<Options>>;
  fieldConfig?: Fields<Custom>;
  targets?: Query[];
};

/** Grafana 11 knows these, later ones turn them into their own. */
interface OlderTable {
  footer: { show: boolean; countRows: boolean; reducer: string[] };
}
interface OlderColumn {
  hidden: boolean;
}

interface Fields<Custom> {
  defaults: Standard & { custom?: Some<Plain<Custom>> };
  overrides: Array<{ matcher: Matcher; properties: Array<StandardProperty | CustomProperty<Custom>> }>;
}

type Standard = Omit<Plain<FieldConfig>, 'custom'>;

interface Matcher {
  id: 'byName' | 'byRegexp' | 'byType' | 'byFrameRefID' | 'byNames' | 'byValue';
  options?: unknown;
}

type StandardProperty = {
  [Key in keyof Standard & string]: { id: Key; value?: Standard[Key] };
}[keyof Standard & string];

type CustomProperty<Custom> = {
  [Key in keyof Custom & string]: { id: `custom.${Key}`; value?: Some<Plain<Custom[Key]>> };
}[keyof Custom & string];

type Query = Target & { datasource?: { type?: string; uid?: string }; editorMode?: 'code' | 'builder' };

/** The builder of grafana-foundation-sdk gives options of interval variables to all. */
type Variable = Plain<VariableModel> & {
  definition?: string;
  auto?: boolean;
  auto_count?: number;
  auto_min?: string;
};

type AnyAnnotation = NonNullable<NonNullable<Plain<Dashboard>['annotations']>['list']>[number];

/** Prometheus' data source adds these. */
type Annotation = AnyAnnotation & {
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
};

type DashboardLink = NonNullable<Plain<Dashboard>['links']>[number];

/** It writes `""` for no placement. */
type Link = Omit<DashboardLink, 'placement'> & { placement?: DashboardLink['placement'] | '' };
