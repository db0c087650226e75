/** Chromium, driven by the DevTools protocol over a pipe: one page, and what it complains of. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
  '--remote-debugging-pipe',
];

/** How long a page may take to do what it is told, in milliseconds. */
const LONGEST = 120_000;

type Parameters = Record<string, unknown>;

interface Message {
  id?: number;
  /** The page that it is from. */
  sessionId?: string;
  method?: string;
  params?: Parameters;
  // What a method returns is known where it is called.
  result?: unknown;
  error?: { message: string };
}

export class Browser {
  private readonly process: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), 'chromium-'));
  private readonly waiting = new Map<number, (message: Message) => void>();
  private readonly pages = new Map<string, Page>();
  private last = 0;

  constructor(program: string) {
    this.process = spawn(program, [...FLAGS, `--user-data-dir=${this.folder}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: this.folder, TZ: 'UTC' },
    });
    let buffer = Buffer.alloc(0);
    (this.process.stdio[4] as Readable).on('data', (data: Buffer) => {
      buffer = Buffer.concat([buffer, data]);
      for (let end = buffer.indexOf(0); end >= 0; end = buffer.indexOf(0)) {
        this.take(JSON.parse(buffer.toString('utf8', 0, end)) as Message);
        buffer = buffer.subarray(end + 1);
      }
    });
    this.process.on('exit', () => {
      this.waiting.forEach((answer) => answer({ error: { message: 'Chromium has ended' } }));
    });
  }

  /** A new page of this width. */
  async page(width: number): Promise<Page> {
    const { targetId } = await this.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.send<{ sessionId: string }>('Target.attachToTarget', attach);
    const page = new Page((method, params) => this.send(method, params, sessionId));
    this.pages.set(sessionId, page);
    await page.begin(width);
    return page;
  }

  async close(): Promise<void> {
    const ended = new Promise((done) => this.process.once('exit', done));
    this.send('Browser.close', {}).catch(() => undefined);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private send<T>(method: string, params: Parameters, sessionId?: string): Promise<T> {
    this.last += 1;
    const id = this.last;
    return new Promise<T>((done, failed) => {
      const timer = setTimeout(() => failed(new Error(`${method}: no answer`)), LONGEST);
      this.waiting.set(id, ({ result, error }) => {
        clearTimeout(timer);
        error ? failed(new Error(`${method}: ${error.message}`)) : done(result as T);
      });
      (this.process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  private take(message: Message): void {
    if (message.id !== undefined) {
      this.waiting.get(message.id)?.(message);
      this.waiting.delete(message.id);
    } else if (message.method && message.sessionId) {
      this.pages.get(message.sessionId)?.hear(message.method, message.params ?? {});
    }
  }
}

type Send = <T>(method: string, params: Parameters) => Promise<T>;

export class Page {
  /** Errors of its scripts and requests. */
  readonly complaints: string[] = [];
  /** The addresses that it asked. */
  readonly asked = new Set<string>();
  private width = 0;

  constructor(private readonly send: Send) {}

  async begin(width: number): Promise<void> {
    this.width = width;
    await this.resize(900);
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) {
      await this.send(`${domain}.enable`, {});
    }
  }

  async open(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
  }

  /** The value of an expression, once its promise is fulfilled. */
  async value<T>(expression: string): Promise<T> {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const answer = await this.send<Evaluated<T>>('Runtime.evaluate', asked);
    if (answer.exceptionDetails) {
      throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
    }
    return answer.result.value;
  }

  async resize(height: number): Promise<void> {
    const size = { width: this.width, height, deviceScaleFactor: 1, mobile: false };
    await this.send('Emulation.setDeviceMetricsOverride', size);
  }

  async png(): Promise<Buffer> {
    const { data } = await this.send<{ data: string }>('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  hear(method: string, params: Parameters): void {
    if (method === 'Network.requestWillBeSent') {
      this.asked.add(new URL((params['request'] as { url: string }).url).origin);
    } else if (method === 'Runtime.exceptionThrown') {
      const details = params['exceptionDetails'] as Evaluated<unknown>['exceptionDetails'];
      this.complaints.push(details?.exception?.description ?? details?.text ?? 'an exception');
    } else if (method === 'Runtime.consoleAPICalled' && params['type'] === 'error') {
      const parts = params['args'] as Array<{ value?: unknown; description?: string }>;
      this.complaints.push(parts.map((one) => one.description ?? String(one.value)).join(' '));
    } else if (method === 'Log.entryAdded') {
      const { level, text, url } = params['entry'] as { level: string; text: string; url?: string };
      if (level === 'error') {
        this.complaints.push(`${text} ${url ?? ''}`);
      }
    }
  }
}

interface Evaluated<T> {
  result: { value: T };
  exceptionDetails?: { text: string; exception?: { description?: string } };
}
