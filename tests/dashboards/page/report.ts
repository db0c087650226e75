/**
 * What is wrong with a drawn dashboard. The page leaves it in `window.report`, where whoever takes the
 * picture reads it. Nothing here is drawn.
 */

export interface Report {
  title: string;
  /** Panels that were drawn. */
  panels: number;
  /** What is wrong: a line each. The picture is no good unless there is none. */
  failures: string[];
  /** What is worth a look and may be right. */
  notes: string[];
  height: number;
}

declare global {
  interface Window {
    report?: Promise<Report>;
  }
}

const failures = new Set<string>();
const noted = new Set<string>();

export function fails(where: string, why: string): void {
  failures.add(`${where}: ${why}`);
}

export function notes(where: string, what: string): void {
  noted.add(`${where}: ${what}`);
}

/** A panel without data: a failure, unless its description says "Empty ...". */
export function isEmpty(where: string, description: string | undefined): void {
  if (description?.includes('Empty ')) {
    notes(where, 'no data, as its description says');
  } else {
    fails(where, 'no data, and its description does not say "Empty ..."');
  }
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function report(title: string, panels: number): Report {
  const height = document.documentElement.scrollHeight;
  return { title, panels, failures: [...failures], notes: [...noted], height };
}
