/** Waits until the page is complete: its components measure themselves and draw in several steps. */

import { fails } from './report';

declare global {
  interface Window {
    settled?: () => Promise<void>;
  }
}

/** Without a change for so long the page is at rest, in milliseconds. */
const REST = 700;
const LONGEST = 30_000;

export async function settled(): Promise<void> {
  const began = performance.now();
  let changed = began;
  const observer = new MutationObserver(() => {
    changed = performance.now();
  });
  observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  while (performance.now() - changed < REST) {
    if (performance.now() - began > LONGEST) {
      fails('the page', 'it does not come to rest');
      break;
    }
    // A frame, so that what is drawn on a canvas is drawn.
    await new Promise(requestAnimationFrame);
    await new Promise((done) => setTimeout(done, 50));
  }
  observer.disconnect();
  await document.fonts.ready;
}
