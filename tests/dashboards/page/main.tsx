/** Draws the dashboard that the page's address names, and leaves a report in `window.report`. */

import {
  createTheme,
  locationUtil,
  rangeUtil,
  standardTransformers,
  standardTransformersRegistry,
} from '@grafana/data';
import type { GrafanaConfig, TransformerRegistryItem } from '@grafana/data';
import { GlobalStyles, PortalContainer, ThemeContext } from '@grafana/ui';
import { createRoot } from 'react-dom/client';

import { DashboardView, MARGIN } from './dashboard';
import { forPromQL, interpolator } from './interpolate';
import { NARROW, box, onPhone, place } from './layout';
import type { Loaded, Setting } from './load';
import { load } from './load';
import type { Dashboard, Panel } from './model';
import { isRow, titleOf } from './model';
import { panelTypes } from './panels';
import { Prometheus } from './prometheus';
import type { Report } from './report';
import { fails, message, report } from './report';
import { settings } from './settings';
import { settled } from './settled';
import { reportUndrawn } from './undrawn';
import { resolve } from './variables';

window.report = draw();
window.settled = settled;

async function draw(): Promise<Report> {
  const { dashboards, prometheus: address, scrapeInterval, from, to, theme, areRowsOpen } = settings(location.href);
  prepareGrafana();
  const all = await Promise.all(dashboards.map(async (path) => (await (await fetch(path)).json()) as Dashboard));
  const dashboard = all[0]!;
  reportUndrawn(dashboard);
  const prometheus = new Prometheus(address);
  const range = rangeUtil.convertRawToRange({ from, to });
  const setting: Setting = {
    prometheus,
    scrapeInterval,
    range,
    variables: await resolve(dashboard, prometheus, range),
    theme: createTheme({ colors: { mode: theme } }),
  };
  await checkAnnotations(dashboard, setting);
  const width = document.documentElement.clientWidth - 2 * MARGIN;
  const inGrid = place(dashboard.panels ?? [], areRowsOpen);
  const placed = width < NARROW ? onPhone(inGrid) : inGrid;
  const panels = placed.flatMap(({ panel, grid }) =>
    isRow(panel) ? [] : [{ panel, width: box(grid, width).width }]
  );
  const loaded = new Map<number | undefined, Loaded>();
  await Promise.all(panels.map((one) => loadInto(loaded, one.panel, one.width, setting)));

  document.body.style.background = setting.theme.colors.background.canvas;
  createRoot(document.getElementById('dashboard')!).render(
    <ThemeContext.Provider value={setting.theme}>
      <GlobalStyles />
      <DashboardView
        dashboard={dashboard}
        others={all}
        placed={placed}
        loaded={loaded}
        setting={setting}
        width={width}
        areRowsOpen={areRowsOpen}
      />
      <PortalContainer />
    </ThemeContext.Provider>
  );
  await settled();
  return report(dashboard.title ?? '', panels.length);
}

/** Annotations are not drawn, but their queries must be answered. */
async function checkAnnotations(dashboard: Dashboard, { prometheus, range, variables }: Setting): Promise<void> {
  for (const annotation of dashboard.annotations?.list ?? []) {
    const where = `annotations ${annotation.name}`;
    const { expr } = annotation as { expr?: string };
    try {
      const query = interpolator(variables, {}, where, forPromQL)(expr ?? '');
      const found = await prometheus.query(query, range.to.unix());
      if (found.length === 0) {
        fails(where, 'the query has no answer');
      }
    } catch (error) {
      fails(where, message(error));
    }
  }
}

async function loadInto(
  loaded: Map<number | undefined, Loaded>,
  panel: Panel,
  width: number,
  setting: Setting
): Promise<void> {
  const type = panelTypes[panel.type];
  try {
    if (type) {
      loaded.set(panel.id, await load(panel, type, width, setting));
    }
  } catch (error) {
    fails(titleOf(panel), message(error));
  }
}

/** Settings that Grafana's application makes before it draws. */
function prepareGrafana(): void {
  standardTransformersRegistry.setInit(() =>
    // Some stand there under two names.
    [...new Map(Object.values(standardTransformers).map((one) => [one.id, one])).values()].map(
      (transformation) =>
        ({ ...transformation, transformation: async () => transformation }) as unknown as TransformerRegistryItem
    )
  );
  locationUtil.initialize({
    config: { appSubUrl: '', appUrl: `${location.origin}/` } as GrafanaConfig,
    getTimeRangeForUrl: () => ({ from: 'now-1h', to: 'now' }),
    getVariablesUrlParams: () => ({}),
  });
}
