/** What the panels have in common that show a value for each series. */

export const LAST_VALUE = {
  reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  orientation: 'auto',
  text: {},
};
