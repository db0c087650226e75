/** Settings in the address of the page: the dashboard to draw, and how. */

export interface Settings {
  /** The paths of all dashboards' JSON, the one to draw first. */
  dashboards: string[];
  /** The address of a Prometheus. */
  prometheus: string;
  /** The data source's "Scrape interval", which an administrator sets to that of Prometheus. */
  scrapeInterval: string;
  /** The time range as in an address of Grafana: `now-1h`. */
  from: string;
  to: string;
  theme: 'dark' | 'light';
  /** Whether collapsed rows are opened. */
  areRowsOpen: boolean;
}

export function settings(address: string): Settings {
  const query = new URL(address).searchParams;
  const needed = (name: string): string => {
    const value = query.get(name);
    if (value === null) {
      throw new Error(`the address lacks ${name}`);
    }
    return value;
  };
  return {
    dashboards: needed('dashboards').split(','),
    prometheus: needed('prometheus'),
    scrapeInterval: needed('scrape'),
    from: needed('from'),
    to: query.get('to') ?? 'now',
    theme: query.get('theme') === 'light' ? 'light' : 'dark',
    areRowsOpen: query.get('rows') !== 'closed',
  };
}
