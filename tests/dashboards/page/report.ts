/** Findings about a drawn dashboard. The page leaves them in `window.report` for the command. */

export interface Report {
  title: string;
  /** Panels that were drawn. */
  panels: number;
  /** Errors, one line each. The picture is usable only without any. */
  failures: string[];
  /** Findings that may be correct. */
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
