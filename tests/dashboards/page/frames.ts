/**
 * What Prometheus answers as data frames, in the shape that Grafana's Prometheus data source gives them:
 * a frame for each series, with the legend as the display name.
 */

import type { DataFrame, Field } from '@grafana/data';
import { DataFrameType, FieldType, getFieldDisplayName } from '@grafana/data';

import type { Target } from './model';
import type { Labels, Series } from './prometheus';

/** A frame for each series of floats; `stepMs` where they are points of a range. */
export function seriesFrames(target: Target, series: Series[], stepMs?: number): DataFrame[] {
  const ofFloats = series.filter((one) => one.values !== undefined);
  return ofFloats.map(({ metric, values = [] }) => {
    const name = legend(target, metric);
    const time: Field = {
      name: 'Time',
      type: FieldType.time,
      config: stepMs === undefined ? {} : { interval: stepMs },
      values: values.map(([seconds]) => Math.round(seconds * 1000)),
    };
    const value: Field = {
      name: 'Value',
      type: FieldType.number,
      config: name === undefined ? {} : { displayNameFromDS: name },
      labels: metric,
      values: values.map(([, text]) => number(text)),
    };
    const type = stepMs === undefined ? DataFrameType.NumericMulti : DataFrameType.TimeSeriesMulti;
    return frame(target, [time, value], type, name);
  });
}

/** A frame of cells for all native histograms of a range. */
export function cellFrames(target: Target, series: Series[]): DataFrame[] {
  const ofHistograms = series.filter((one) => one.histograms !== undefined);
  return ofHistograms.map(({ metric, histograms = [] }) => {
    const cells = histograms.flatMap(([seconds, { buckets = [] }]) =>
      buckets.map(([, low, high, count]) => [seconds * 1000, number(low), number(high), number(count)])
    );
    const column = (index: number) => cells.map((cell) => cell[index]!);
    const field = (name: string, values: number[]): Field => ({
      name,
      type: name === 'xMax' ? FieldType.time : FieldType.number,
      config: {},
      labels: name === 'count' ? metric : undefined,
      values,
    });
    const fields = ['xMax', 'yMin', 'yMax', 'count'].map((name, index) => field(name, column(index)));
    return frame(target, fields, DataFrameType.HeatmapCells, undefined);
  });
}

/** `format: table`: one frame for each query, with a column for each label. */
export function tableFrames(all: Map<Target, DataFrame[]>): DataFrame[] {
  return [...all].map(([target, frames]) => {
    const labels = [...new Set(frames.flatMap((one) => Object.keys(one.fields[1]?.labels ?? {}).sort()))];
    const values = (index: number) => frames.flatMap((one) => one.fields[index]?.values ?? []);
    const time: Field = { name: 'Time', type: FieldType.time, config: {}, values: values(0) };
    const columns = labels.map<Field>((label) => ({
      name: label,
      type: FieldType.string,
      config: { filterable: true },
      values: frames.flatMap((one) =>
        (one.fields[1]?.values ?? []).map(() => one.fields[1]?.labels?.[label] ?? '')
      ),
    }));
    const value: Field = {
      name: all.size > 1 ? `Value #${target.refId}` : 'Value',
      type: FieldType.number,
      config: {},
      values: values(1),
    };
    return frame(target, [time, ...columns, value], undefined, undefined);
  });
}

/** `format: heatmap` of classic buckets: one frame with a field for each bucket, of its own count only. */
export function bucketFrames(target: Target, frames: DataFrame[]): DataFrame[] {
  if (frames.length === 0) {
    return [];
  }
  const bound = (one: DataFrame) => number(one.fields[1]!.labels?.['le'] ?? 'NaN');
  const sorted = [...frames].sort((a, b) => bound(a) - bound(b));
  const times = [...new Set(sorted.flatMap((one) => one.fields[0]!.values as number[]))].sort((a, b) => a - b);
  let below = new Map<number, number>();
  const rows = sorted.map<Field>((one) => {
    const own = new Map<number, number>();
    one.fields[0]!.values.forEach((time: number, index) => own.set(time, one.fields[1]!.values[index]));
    const lower = below;
    below = own;
    return {
      name: getFieldDisplayName(one.fields[1]!, one, sorted),
      type: FieldType.number,
      config: {},
      labels: one.fields[1]!.labels,
      values: times.map((time) => {
        const count = own.get(time);
        return count === undefined ? null : Math.max(0, count - (lower.get(time) ?? 0));
      }),
    };
  });
  const time: Field = { name: 'Time', type: FieldType.time, config: {}, values: times };
  return [frame(target, [time, ...rows], DataFrameType.HeatmapRows, undefined)];
}

function frame(
  target: Target,
  fields: Field[],
  type: DataFrameType | undefined,
  name: string | undefined
): DataFrame {
  const length = fields[0]!.values.length;
  return { refId: target.refId, name, fields, length, meta: type && { type } };
}

/** The display name; `undefined` lets Grafana find one from the labels. */
function legend(target: Target, labels: Labels): string | undefined {
  const format = target.legendFormat ?? '';
  const pairs = Object.entries(labels).filter(([label]) => label !== '__name__');
  if (format === '__auto') {
    return pairs.length > 0 || labels['__name__'] ? undefined : target.expr;
  }
  if (format !== '') {
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => labels[label] ?? '');
  }
  const inside = pairs.map(([label, value]) => `${label}="${value}"`).sort();
  const name = `${labels['__name__'] ?? ''}{${inside.join(', ')}}`;
  return name === '{}' ? target.expr : inside.length === 0 ? labels['__name__'] : name;
}

function number(text: string): number {
  switch (text) {
    case '+Inf':
      return Infinity;
    case '-Inf':
      return -Infinity;
    default:
      return Number(text);
  }
}
