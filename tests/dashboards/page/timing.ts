/** Steps and intervals, as Grafana's Prometheus data source chooses them. */

import type { TimeRange } from '@grafana/data';
import { rangeUtil } from '@grafana/data';

import type { Target } from './model';

/** Prometheus refuses more points of a series than this. */
const MOST_POINTS = 11_000;

export interface Timing {
  /** Seconds between two points of a range query. */
  step: number;
  /** What `$__interval` and its like stand for. */
  macros: Record<string, string>;
}

/** Of one query of a panel of this width. */
export function timing(
  range: TimeRange,
  width: number,
  panelInterval: string | undefined,
  target: Target,
  scrapeInterval: string
): Timing {
  const ms = (interval: string) => rangeUtil.intervalToMs(interval);
  // The panel's "Min interval", else the data source's scrape interval, bounds what the panel asks for.
  const asked = rangeUtil.calculateInterval(range, width, panelInterval || scrapeInterval).intervalMs;
  const span = range.to.valueOf() - range.from.valueOf();
  const safe = rangeUtil.roundInterval(span / MOST_POINTS);
  // The query's "Min step" replaces that, if given.
  const wanted = target.interval
    ? Math.max(rangeUtil.roundInterval(span / width), ms(target.interval))
    : asked;
  const stepMs = Math.max(wanted, safe) * (target.intervalFactor || 1);
  const scrapeMs = ms(target.interval || scrapeInterval);
  const rateMs = Math.max(asked + scrapeMs, 4 * scrapeMs);
  const seconds = Math.round(span / 1000);
  return {
    step: stepMs / 1000,
    macros: {
      __interval: `${stepMs / 1000}s`,
      __interval_ms: `${stepMs}`,
      __rate_interval: `${rateMs / 1000}s`,
      __rate_interval_ms: `${rateMs}`,
      __range: `${seconds}s`,
      __range_s: `${seconds}`,
      __range_ms: `${span}`,
    },
  };
}
