/**
 * Serves the page with what it needs of the packages: nothing comes from elsewhere.
 */

import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export interface Server {
  address: string;
  /** Paths that were asked for and are not there. */
  missing: string[];
  close(): void;
}

/**
 * `folders` by the path that they are served under; the longest that fits is taken. A file in place of a
 * folder is the answer to all under its path.
 */
export async function serve(folders: Record<string, string>): Promise<Server> {
  const missing: string[] = [];
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer((request, response) => {
    const asked = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const path = asked === '/' ? '/index.html' : asked;
    const prefix = prefixes.find((one) => path.startsWith(one));
    const folder = prefix && folders[prefix]!;
    const file = folder && (extname(folder) ? folder : join(folder, path.slice(prefix.length)));
    if (!file || !existsSync(file)) {
      missing.push(path);
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${port}`, missing, close };
}
