/** `$name`, `${name}` and `${name:format}` in queries, titles and links. */

import type { DataFrame, Field, InterpolateFunction, ScopedVars } from '@grafana/data';
import { formattedValueToString, getFieldDisplayName, textUtil } from '@grafana/data';

import { fails } from './report';

/** A variable with what is chosen. */
export interface Variable {
  name: string;
  label: string;
  hidden: boolean;
  /** Whether several may be chosen, or all: then its value is a part of a regular expression. */
  isPattern: boolean;
  /** How it is chosen. */
  control: 'one' | 'several' | 'text';
  text: string;
  /** What is chosen, or the pattern that stands for all. */
  value: string | string[];
  /** Whether the value is a pattern written in the dashboard, which is taken as it is. */
  isRaw: boolean;
}

type Format = string | ((value: string | string[], variable: Variable) => string) | undefined;

const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

/** Replaces variables, macros, and what a link may take from the value that it stands on. */
export function interpolator(
  variables: Variable[],
  macros: Record<string, string>,
  where: string,
  usual?: Format
): InterpolateFunction {
  return (text, scoped, asked) =>
    text.replace(REFERENCE, (whole, simple, square, squareFormat, curly, path, curlyFormat) => {
      const name: string = simple ?? square ?? curly;
      const format: Format = squareFormat ?? curlyFormat ?? asked ?? usual;
      const macro = macros[name];
      if (macro !== undefined) {
        return macro;
      }
      if (scoped?.['__dataContext'] && path !== undefined) {
        const found = fromValue(scoped, name, path);
        if (found !== undefined) {
          return written(found, format, where);
        }
      }
      const variable = variables.find((one) => one.name === name);
      if (!variable) {
        // `$1` belongs to label_replace.
        if (!/^\d+$/.test(name)) {
          fails(where, `${whole} stands for nothing`);
        }
        return whole;
      }
      if (format === 'text') {
        return variable.text;
      }
      if (format === 'queryparam') {
        return inAddress(variable);
      }
      if (variable.isRaw && typeof variable.value === 'string') {
        return variable.value;
      }
      return typeof format === 'function'
        ? format(variable.value, variable)
        : written(variable.value, format, where);
    });
}

/** A variable with what is chosen, as a parameter of an address. */
export function inAddress(variable: Variable): string {
  const values = variable.isRaw ? ['$__all'] : [variable.value].flat();
  return values.map((value) => `var-${variable.name}=${percent(value)}`).join('&');
}

/** Writes a value into an expression as Prometheus' data source does. */
export function forPromQL(value: string | string[], variable: Variable): string {
  if (!variable.isPattern) {
    return typeof value === 'string' ? inQuotes(value) : value.map(inQuotes).join(',');
  }
  const patterns = [value].flat().map((one) => inQuotes(one.replace(/[$^*{}[\]'+?.()|\\]/g, '\\$&')));
  return patterns.length === 1 ? patterns[0]! : `(${patterns.join('|')})`;
}

function inQuotes(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"');
}

function written(value: string | string[], format: Format, where: string): string {
  const values = [value].flat();
  switch (format) {
    case undefined:
    case 'glob':
      return values.length === 1 ? values[0]! : `{${values.join(',')}}`;
    case 'raw':
    case 'csv':
      return values.join(',');
    case 'html':
      return textUtil.escapeHtml(values.join(','));
    case 'pipe':
      return values.join('|');
    case 'regex':
      return forPromQL(values, { isPattern: true } as Variable);
    case 'percentencode':
      return values.map(percent).join(',');
    case 'uriencode':
      return encodeURI(values.join(','));
    default:
      fails(where, `the format ${String(format)} is not drawn here`);
      return values.join(',');
  }
}

function percent(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

interface Context {
  data: DataFrame[];
  frame: DataFrame;
  field: Field;
  rowIndex?: number;
  calculatedValue?: { text: string; numeric: number };
}

/** `${__data.fields.NAME}`, `${__field.labels.NAME}`, `${__value.raw}` and their like. */
function fromValue(scoped: ScopedVars, name: string, path: string): string | undefined {
  const { data, frame, field, rowIndex, calculatedValue } = scoped['__dataContext']!.value as Context;
  const [, first, , quoted] = /^(\w+)(?:\.|\[)?("?)(.*?)"?\]?$/.exec(path) ?? [];
  const raw = (one: Field) => (rowIndex === undefined ? undefined : one.values[rowIndex]);
  const text = (one: Field) =>
    one.display ? formattedValueToString(one.display(raw(one))) : String(raw(one) ?? '');
  switch (`${name}.${first}`) {
    case '__data.fields': {
      const of = frame.fields.find(
        (one) => getFieldDisplayName(one, frame, data) === quoted || one.name === quoted
      );
      return of && text(of);
    }
    case '__field.labels':
      return field.labels?.[quoted ?? ''];
    case '__field.name':
    case '__field.displayName':
      return getFieldDisplayName(field, frame, data);
    case '__series.name':
      return frame.name ?? getFieldDisplayName(field, frame, data);
    case '__value.raw':
    case '__value.numeric':
      return String(calculatedValue?.numeric ?? raw(field) ?? '');
    case '__value.text':
      return calculatedValue?.text ?? text(field);
    default:
      return undefined;
  }
}
