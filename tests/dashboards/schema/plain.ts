/** Types of Grafana's schema as JSON has them. */

/** With the texts of its enumerations in their place: JSON has `"area"` for `BigValueGraphMode.Area`. */
export type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends Array<infer Element>
        ? Array<Plain<Element>>
        : { [Key in keyof T]: Plain<T[Key]> };

/** Of what a panel sets, the rest has defaults. */
export type Some<T> = unknown extends T
  ? T
  : T extends unknown[]
    ? T
    : T extends object
      ? { [Key in keyof T]?: Some<T[Key]> }
      : T;
