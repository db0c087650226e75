/** Prometheus' HTTP API. */

export type Labels = Record<string, string>;

/** The boundary rule, the bounds and the count of a bucket. */
export type Bucket = [number, string, string, string];

export interface NativeHistogram {
  count: string;
  sum: string;
  buckets?: Bucket[];
}

/** A series of a range query, or one sample of an instant query as a series of one. */
export interface Series {
  metric: Labels;
  values?: Array<[number, string]>;
  histograms?: Array<[number, NativeHistogram]>;
}

interface Sample {
  metric: Labels;
  value?: [number, string];
  histogram?: [number, NativeHistogram];
}

export class Prometheus {
  constructor(private readonly address: string) {}

  async queryRange(query: string, start: number, end: number, step: number): Promise<Series[]> {
    const asked = { query, start: `${start}`, end: `${end}`, step: `${step}` };
    const data = await this.post<{ result: Series[] }>('query_range', asked);
    return data.result;
  }

  async query(query: string, time: number): Promise<Series[]> {
    const asked = { query, time: `${time}` };
    const data = await this.post<{ resultType: string; result: unknown }>('query', asked);
    switch (data.resultType) {
      case 'vector':
        return (data.result as Sample[]).map(({ metric, value, histogram }) => ({
          metric,
          values: value && [value],
          histograms: histogram && [histogram],
        }));
      case 'scalar':
        return [{ metric: {}, values: [data.result as [number, string]] }];
      default:
        throw new Error(`${query} has the type ${data.resultType}, which is no figure`);
    }
  }

  async labelValues(label: string, match: string | undefined, from: number, to: number) {
    const asked = new URLSearchParams({ start: `${from}`, end: `${to}` });
    if (match !== undefined) {
      asked.set('match[]', match);
    }
    return this.answer<string[]>(`label/${encodeURIComponent(label)}/values?${asked}`, {});
  }

  private post<T>(path: string, asked: Record<string, string>): Promise<T> {
    return this.answer<T>(path, { method: 'POST', body: new URLSearchParams(asked) });
  }

  private async answer<T>(path: string, request: RequestInit): Promise<T> {
    const response = await fetch(`${this.address}/api/v1/${path}`, request);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') {
      throw new Error(answer.error ?? `${response.status}`);
    }
    return answer.data;
  }
}
