/** Cells of a heatmap, from native histograms or from a frame with a field per bucket. */

import type { DataFrame, Field } from '@grafana/data';
import { DataFrameType, FieldType, formattedValueToString, getValueFormat } from '@grafana/data';
import type { Options } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';

export interface Cell {
  /** Milliseconds: a cell is of the step that ends then. */
  time: number;
  low: number;
  high: number;
  count: number;
}

export interface Cells {
  cells: Cell[];
  /** The time between two columns, in milliseconds. */
  step: number;
  /**
   * Of classic buckets, the labels of all bounds from below: cells then count rows, from 0. Native
   * buckets have bounds in the unit of the axis, on a logarithmic scale.
   */
  bounds?: string[];
}

export function cellsOf(frames: DataFrame[], options: Options): Cells | undefined {
  const native = frames.find((frame) => frame.meta?.type === DataFrameType.HeatmapCells);
  const rows = frames.find((frame) => frame.meta?.type === DataFrameType.HeatmapRows);
  if (native) {
    return ofNative(native);
  }
  return rows && ofRows(rows, options);
}

/** The least and the greatest count among the cells that are shown. */
export function span(cells: Cell[], options: Options): [number, number] {
  const counts = cells.map((cell) => cell.count);
  return [options.color.min ?? Math.min(...counts), options.color.max ?? Math.max(...counts)];
}

export function isShown(cell: Cell, { filterValues }: Options): boolean {
  return cell.count > (filterValues?.le ?? -Infinity) && cell.count < (filterValues?.ge ?? Infinity);
}

function ofNative(frame: DataFrame): Cells {
  const column = (name: string): number[] => frame.fields.find((field) => field.name === name)!.values;
  const [times, lows, highs, counts] = ['xMax', 'yMin', 'yMax', 'count'].map(column) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const cells = times.map((time, i) => ({ time, low: lows[i]!, high: highs[i]!, count: counts[i]! }));
  return { cells, step: stepOf(times) };
}

function ofRows(frame: DataFrame, options: Options): Cells {
  const times: number[] = frame.fields.find((field) => field.type === FieldType.time)!.values;
  const rows = frame.fields.filter((field) => field.type === FieldType.number);
  const cells = rows.flatMap((row, index) =>
    times.map((time, i) => ({ time, low: index, high: index + 1, count: row.values[i] ?? NaN }))
  );
  const { unit, decimals } = options.yAxis;
  const format = getValueFormat(unit ?? 'short');
  const label = (bound: number, text: string) =>
    Number.isFinite(bound) ? formattedValueToString(format(bound, decimals)) : text;
  const labels = rows.map((row) => label(Number(boundOf(row)), boundOf(row)));
  return { cells, step: stepOf(times), bounds: [label(0, '0'), ...labels] };
}

function boundOf(row: Field): string {
  return row.labels?.['le'] ?? row.name;
}

function stepOf(times: number[]): number {
  const sorted = [...new Set(times)].sort((a, b) => a - b);
  const steps = sorted.slice(1).map((time, index) => time - sorted[index]!);
  return steps.length > 0 ? Math.min(...steps) : 60_000;
}
