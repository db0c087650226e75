/** Panels without anything to show. */

import { useTheme2 } from '@grafana/ui';
import type { ReactNode } from 'react';

import { fails } from '../report';

/** Placeholder of a graph or table without data, as in Grafana. */
export function NoData({ text }: { text: string | undefined }) {
  return <Centered>{text || 'No data'}</Centered>;
}

/** In place of what the page cannot draw; the command fails then. */
export function NotDrawn({ where, what }: { where: string; what: string }) {
  fails(where, `${what} is not drawn here`);
  return <Centered>not drawn here</Centered>;
}

function Centered({ children }: { children: ReactNode }) {
  const theme = useTheme2();
  const style = {
    height: '100%',
    display: 'flex',
    alignItems: 'center',
    justifyContent: 'center',
    color: theme.colors.text.secondary,
    fontSize: theme.typography.h5.fontSize,
  };
  return <div style={style}>{children}</div>;
}
