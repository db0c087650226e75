/** A whole dashboard: controls, rows and panels in their places. */

import { Icon, Text } from '@grafana/ui';

import { Controls } from './controls';
import { interpolator } from './interpolate';
import type { Placed } from './layout';
import { box } from './layout';
import type { Loaded, Setting } from './load';
import type { Dashboard } from './model';
import { isRow, titleOf } from './model';
import { PanelView } from './panel';
import { panelTypes } from './panels';

/** Around the panels, in pixels. */
export const MARGIN = 16;

interface Props {
  dashboard: Dashboard;
  /** All dashboards, for links between them. */
  others: Dashboard[];
  placed: Placed[];
  loaded: Map<number | undefined, Loaded>;
  setting: Setting;
  width: number;
  areRowsOpen: boolean;
}

export function DashboardView({ dashboard, others, placed, loaded, setting, width, areRowsOpen }: Props) {
  const boxes = placed.map(({ grid }) => box(grid, width));
  const height = Math.max(...boxes.map((one) => one.top + one.height));
  return (
    <main style={{ padding: MARGIN }}>
      <Controls dashboard={dashboard} others={others} setting={setting} />
      <div style={{ position: 'relative', height }}>
        {placed.map(({ panel }, index) => {
          const { left, top, ...size } = boxes[index]!;
          return (
            <div key={index} style={{ position: 'absolute', left, top, ...size }}>
              {isRow(panel) ? (
                <Row
                  title={interpolator(setting.variables, {}, titleOf(panel))(panel.title ?? '', {}, 'text')}
                  isOpen={areRowsOpen || !panel.collapsed}
                />
              ) : (
                <PanelView
                  panel={panel}
                  type={panelTypes[panel.type]}
                  loaded={loaded.get(panel.id)}
                  size={boxes[index]!}
                  setting={setting}
                />
              )}
            </div>
          );
        })}
      </div>
    </main>
  );
}

function Row({ title, isOpen }: { title: string; isOpen: boolean }) {
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap: 8, height: '100%' }}>
      <Icon name={isOpen ? 'angle-down' : 'angle-right'} />
      <Text element="h2" variant="h5">
        {title}
      </Text>
    </div>
  );
}
