/**
 * Writes a TypeScript file that holds each dashboard against the schema: `typed OUT DASHBOARD.json...`.
 * The compiler then says what is unknown or wrong, by line; the lines are those of the JSON.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

const [folder, ...dashboards] = process.argv.slice(2);
if (!folder || dashboards.length === 0) {
  throw new Error('usage: typed FOLDER DASHBOARD.json...');
}
const schema = join(import.meta.dirname, '../schema/dashboard');
for (const file of dashboards) {
  const json = readFileSync(file, 'utf8').trim();
  JSON.parse(json);
  const path = relative(folder, schema);
  const name = join(folder, `${basename(file)}.ts`);
  // On the first line, so that lines are those of the JSON.
  writeFileSync(name, `import type { Checked } from '${path}'; export default ${json} satisfies Checked;\n`);
}
