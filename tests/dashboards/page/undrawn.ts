/** Features of dashboards that Grafana shows and this page does not. Those of panels are elsewhere. */

import type { Dashboard, Panel } from './model';
import { isRow, titleOf } from './model';
import { fails } from './report';

export function reportUndrawn(dashboard: Dashboard): void {
  for (const panel of (dashboard.panels ?? []).flatMap((one) => (isRow(one) ? [one, ...one.panels] : [one]))) {
    const { repeat, timeFrom, timeShift, libraryPanel, links } = panel as Panel;
    const has = { repeat, timeFrom, timeShift, libraryPanel, links: links?.length ? links : undefined };
    for (const [what, value] of Object.entries(has)) {
      if (value !== undefined && value !== null) {
        fails(titleOf(panel), `${what} is not drawn here`);
      }
    }
  }
}
