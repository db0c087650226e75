/** The data of one panel: its queries, its transformations, its fields' options. */

import type {
  DataFrame,
  DataTransformerConfig,
  FieldConfigSource,
  GrafanaTheme2,
  InterpolateFunction,
  TimeRange,
} from '@grafana/data';
import { applyFieldOverrides, cacheFieldDisplayNames, transformDataFrame } from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import { registry } from './fields';
import { bucketFrames, cellFrames, seriesFrames, tableFrames } from './frames';
import type { Variable } from './interpolate';
import { forPromQL, inAddress, interpolator } from './interpolate';
import { reportUnknown } from './known';
import type { Panel, Target } from './model';
import { targets, titleOf } from './model';
import type { PanelType } from './panels/type';
import type { Prometheus } from './prometheus';
import { fails, isEmpty, message, notes } from './report';
import { timing } from './timing';

/** All that the panels of a dashboard have in common. */
export interface Setting {
  prometheus: Prometheus;
  scrapeInterval: string;
  range: TimeRange;
  variables: Variable[];
  theme: GrafanaTheme2;
}

export interface Loaded {
  frames: DataFrame[];
  fieldConfig: FieldConfigSource;
  replaceVariables: InterpolateFunction;
}

export async function load(panel: Panel, type: PanelType, width: number, setting: Setting): Promise<Loaded> {
  const where = titleOf(panel);
  const inLinks = {
    __url_time_range: `from=${setting.range.raw.from}&to=${setting.range.raw.to}`,
    __all_variables: setting.variables.map(inAddress).join('&'),
  };
  const replaceVariables = interpolator(setting.variables, inLinks, where);
  const known = registry(Object.keys(type.custom));
  const fieldConfig = withDefaults(panel, type);
  reportUnknown(panel, fieldConfig, known);
  const queried = await ask(panel, width, setting);
  const all = (panel.transformations ?? []) as DataTransformerConfig[];
  const transformations = all.filter((one) => !one.disabled);
  const context = { interpolate: replaceVariables };
  const transformed = await lastValueFrom(transformDataFrame(transformations, queried, context));
  const frames = applyFieldOverrides({
    data: transformed,
    fieldConfig,
    fieldConfigRegistry: known,
    replaceVariables,
    theme: setting.theme,
    timeZone: 'browser',
  });
  // Grafana's panels do so before they look for a name.
  cacheFieldDisplayNames(frames);
  if (targets(panel).length > 0 && !frames.some(hasValues)) {
    isEmpty(where, panel.description);
  }
  return { frames, fieldConfig, replaceVariables };
}

/** Options of a panel, with the defaults of its type. */
function withDefaults(panel: Panel, type: PanelType): FieldConfigSource {
  const written = panel.fieldConfig as FieldConfigSource;
  const own = type.migrate?.(written) ?? written;
  const defaults = {
    color: type.color,
    ...own.defaults,
    custom: { ...present(type.custom), ...own.defaults.custom },
    thresholds: own.defaults.thresholds ?? {
      mode: 'absolute',
      steps: [
        { color: 'green', value: -Infinity },
        { color: 'red', value: 80 },
      ],
    },
  } as FieldConfigSource['defaults'];
  return JSON.parse(JSON.stringify({ defaults, overrides: own.overrides }), baseStep) as FieldConfigSource;
}

function present(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** JSON has no `-Infinity`: the base step of thresholds is `null` there. */
function baseStep(key: string, value: unknown): unknown {
  if (key === 'steps' && Array.isArray(value)) {
    return value.map((step) => (step.value === null ? { ...step, value: -Infinity } : step));
  }
  return value;
}

async function ask(panel: Panel, width: number, setting: Setting): Promise<DataFrame[]> {
  const shaped = await Promise.all(
    targets(panel).map(async (target) => {
      try {
        const frames = await askOne(target, panel, width, setting);
        if (!frames.some(hasValues)) {
          notes(titleOf(panel), `query ${target.refId} has no answer`);
        }
        return [target, frames] as const;
      } catch (error) {
        fails(titleOf(panel), `query ${target.refId}: ${message(error)}`);
        return [target, []] as const;
      }
    })
  );
  const tables = shaped.filter(([target]) => target.format === 'table');
  const others = shaped.filter(([target]) => target.format !== 'table');
  return [...tableFrames(new Map(tables.map(([t, f]) => [t, [...f]]))), ...others.flatMap(([, f]) => f)];
}

async function askOne(target: Target, panel: Panel, width: number, setting: Setting): Promise<DataFrame[]> {
  const { prometheus, range, scrapeInterval, variables } = setting;
  const points = panel.maxDataPoints ?? width;
  const { step, macros } = timing(range, points, panel.interval, target, scrapeInterval);
  const where = titleOf(panel);
  const expr = interpolator(variables, macros, where, forPromQL)(target.expr ?? '');
  const legendFormat = interpolator(variables, macros, where)(target.legendFormat ?? '');
  const named = { ...target, expr, legendFormat };
  const [from, to] = [range.from.valueOf() / 1000, range.to.valueOf() / 1000];
  const frames: DataFrame[] = [];
  if (target.instant) {
    frames.push(...seriesFrames(named, await prometheus.query(expr, to)));
  }
  if (target.range || !target.instant) {
    const aligned = (time: number) => Math.floor(time / step) * step;
    const series = await prometheus.queryRange(expr, aligned(from), aligned(to), step);
    const ofFloats = seriesFrames(named, series, step * 1000);
    frames.push(...(target.format === 'heatmap' ? bucketFrames(named, ofFloats) : ofFloats));
    frames.push(...cellFrames(named, series));
  }
  return frames;
}

function hasValues(frame: DataFrame): boolean {
  const isValue = (value: unknown) => value !== null && value !== undefined && !Number.isNaN(value);
  return frame.fields.some((field) => field.type !== 'time' && field.values.some(isValue));
}
