/**
 * Takes a picture of each dashboard that is drawn from a Prometheus, and fails if anything is wrong with
 * one. It runs where `node_modules` is:
 *
 *   pictures PAGE DASHBOARDS PROMETHEUS SCRAPE FROM THEME WIDTH ROWS FILE=DASHBOARD.json...
 */

import { writeFileSync } from 'node:fs';

import type { Report } from '../page/report';
import type { Page } from './browser';
import { Browser } from './browser';
import type { Server } from './server';
import { serve } from './server';

const LOADED = 'new Promise((done) => document.readyState === "complete" ? done() : (onload = () => done()))';

const [page, dashboards, prometheus, scrape, from, theme, width, rows, ...wanted] = process.argv.slice(2);
if (!page || !dashboards || !prometheus || !scrape || !from || !theme || !width || !rows || wanted.length === 0) {
  throw new Error('usage: pictures PAGE DASHBOARDS PROMETHEUS SCRAPE FROM THEME WIDTH ROWS FILE=DASHBOARD.json...');
}
const server = await serve({
  '/': page,
  '/dashboards/': dashboards,
  '/build/img/icons/': 'node_modules/@grafana/ui/dist/public/img/icons',
  '/fonts/inter/': 'node_modules/inter-ui/web',
  '/fonts/roboto/': 'node_modules/@fontsource/roboto-mono/files/roboto-mono-latin-400-normal.woff2',
});
const browser = new Browser('chromium');
const failures: string[] = [];
try {
  for (const one of wanted) {
    const [file, dashboard] = one.split('=') as [string, string];
    const began = Date.now();
    const drawn = await browser.page(Number(width));
    const others = wanted.map((other) => other.split('=')[1]!).filter((other) => other !== dashboard);
    const found = await picture(drawn, server, file, [dashboard, ...others]);
    failures.push(...found.map((failure) => `${dashboard}: ${failure}`));
    console.log(`${dashboard}: drawn in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
} finally {
  await browser.close();
  server.close();
}
for (const failure of failures) {
  console.error(failure);
}
process.exitCode = failures.length > 0 ? 1 : 0;

/** Of the first of the dashboards; gives what is wrong. */
async function picture(drawn: Page, site: Server, file: string, names: string[]): Promise<string[]> {
  const query = new URLSearchParams({
    dashboards: names.map((name) => `/dashboards/${name}`).join(','),
    prometheus: prometheus!,
    scrape: scrape!,
    from: from!,
    theme: theme!,
    rows: rows!,
  });
  await drawn.open(`${site.address}/?${query}`);
  await drawn.value(LOADED);
  const report = await drawn.value<Report>('window.report');
  await drawn.resize(report.height);
  await drawn.value('window.settled()');
  writeFileSync(file, await drawn.png());
  for (const note of report.notes) {
    console.log(`${names[0]}: ${note}`);
  }
  const elsewhere = [...drawn.asked].filter((origin) => ![site.address, prometheus].includes(origin));
  return [
    ...report.failures,
    ...drawn.complaints.map((complaint) => `the page complains: ${complaint.slice(0, 500)}`),
    ...elsewhere.map((origin) => `the page asked ${origin}`),
    ...site.missing.splice(0).map((path) => `the page asked for ${path}, which is not there`),
  ];
}
