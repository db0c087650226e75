/** Common parts of panels that show a value per series. */

export const LAST_VALUE = {
  reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  orientation: 'auto',
  text: {},
};
