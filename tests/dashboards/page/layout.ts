/**
 * Where the panels stand: Grafana's grid of 24 columns, with rows opened as by a click if wanted, and panels
 * moved up as far as they can, as Grafana does.
 */

import type { GridPos, Panel, RowPanel } from './model';
import { isRow } from './model';
import { fails } from './report';

const COLUMNS = 24;
/** Height of a cell and the gap between cells, in pixels. */
const CELL = 30;
const GAP = 8;
/** Below this width, Grafana shows a single column. */
export const NARROW = 768;

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Placed {
  panel: Panel | RowPanel;
  grid: GridPos;
}

/** All panels with their places. Those of a collapsed row that is opened come after it, and push down what follows. */
export function place(panels: Array<Panel | RowPanel>, areRowsOpen: boolean): Placed[] {
  const opened: Placed[] = [];
  let pushed = 0;
  for (const panel of inOrder(panels)) {
    const grid = at(panel);
    opened.push({ panel, grid: { ...grid, y: grid.y + pushed } });
    const inside = areRowsOpen && isRow(panel) && panel.collapsed ? panel.panels : [];
    if (inside.length > 0) {
      const first = Math.min(...inside.map((one) => at(one).y));
      const begin = grid.y + pushed + grid.h;
      const moved = inside.map((one) => ({ ...at(one), y: begin + at(one).y - first }));
      inOrder(inside).forEach((one) => {
        const own = moved[inside.indexOf(one as Panel)]!;
        opened.push({ panel: one, grid: own });
      });
      pushed += Math.max(...moved.map((own) => own.y + own.h)) - begin;
    }
  }
  reportOverlaps(opened);
  return compacted(opened);
}

/** On a phone, Grafana shows one panel below the other, with their heights. */
export function onPhone(placed: Placed[]): Placed[] {
  let y = 0;
  return placed.map(({ panel, grid }) => {
    const own = { ...grid, x: 0, w: COLUMNS, y };
    y += grid.h;
    return { panel, grid: own };
  });
}

/** In pixels, on a page of this width. */
export function box(grid: GridPos, width: number): Box {
  const column = (width - GAP * (COLUMNS - 1)) / COLUMNS;
  const span = (cells: number, size: number) => cells * size + (cells - 1) * GAP;
  return {
    left: Math.round(grid.x * (column + GAP)),
    top: grid.y * (CELL + GAP),
    width: Math.round(span(grid.w, column)),
    height: span(grid.h, CELL),
  };
}

function at(panel: Panel | RowPanel): GridPos {
  if (!panel.gridPos) {
    throw new Error(`${panel.title ?? panel.id} has no gridPos`);
  }
  return panel.gridPos;
}

function inOrder(panels: Array<Panel | RowPanel>): Array<Panel | RowPanel> {
  return [...panels].sort((a, b) => at(a).y - at(b).y || at(a).x - at(b).x);
}

function overlap(a: GridPos, b: GridPos): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

function reportOverlaps(placed: Placed[]): void {
  placed.forEach(({ panel, grid }, index) => {
    const name = panel.title ?? String(panel.id);
    if (grid.x < 0 || grid.x + grid.w > COLUMNS || grid.w < 1 || grid.h < 1) {
      fails(name, `it does not fit into ${COLUMNS} columns: ${JSON.stringify(grid)}`);
    }
    for (const other of placed.slice(index + 1)) {
      if (overlap(grid, other.grid)) {
        fails(name, `it overlaps ${other.panel.title ?? other.panel.id}`);
      }
    }
  });
}

function compacted(placed: Placed[]): Placed[] {
  const done: Placed[] = [];
  for (const one of placed) {
    const grid = { ...one.grid };
    const isFree = (y: number) => done.every((other) => !overlap({ ...grid, y }, other.grid));
    while (grid.y > 0 && isFree(grid.y - 1)) {
      grid.y -= 1;
    }
    done.push({ ...one, grid });
  }
  return done;
}
