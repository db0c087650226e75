/** One panel in Grafana's frame. */

import { renderMarkdown } from '@grafana/data';
import { PanelChrome } from '@grafana/ui';
import type { ReactNode } from 'react';
import { Component } from 'react';

import type { Box } from './layout';
import type { Loaded, Setting } from './load';
import type { Panel } from './model';
import { titleOf } from './model';
import { NotDrawn } from './panels/nothing';
import type { PanelType } from './panels/type';
import { fails, message } from './report';

interface Props {
  panel: Panel;
  type: PanelType | undefined;
  loaded: Loaded | undefined;
  size: Box;
  setting: Setting;
}

export function PanelView({ panel, type, loaded, size, setting }: Props) {
  const where = titleOf(panel);
  const title = loaded?.replaceVariables(panel.title ?? '', {}, 'text') ?? panel.title;
  const description = panel.description && renderMarkdown(panel.description);
  return (
    <PanelChrome
      title={title}
      description={description}
      width={size.width}
      height={size.height}
      hoverHeader={!title}
      displayMode={panel.transparent ? 'transparent' : 'default'}
      padding={panel.type === 'table' ? 'none' : 'md'}
    >
      {(width, height) => (
        <Guard where={where}>
          {type && loaded ? (
            <type.Draw
              where={where}
              options={{ ...type.options, ...panel.options }}
              fieldConfig={loaded.fieldConfig}
              frames={loaded.frames}
              replaceVariables={loaded.replaceVariables}
              range={setting.range}
              theme={setting.theme}
              width={width}
              height={height}
            />
          ) : (
            <NotDrawn where={where} what={type ? 'it' : `the panel type ${panel.type}`} />
          )}
        </Guard>
      )}
    </PanelChrome>
  );
}

/** Reports what fails as it is drawn. */
class Guard extends Component<{ where: string; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override componentDidCatch(error: unknown) {
    fails(this.props.where, message(error));
  }

  override render() {
    return this.state.failed ? 'not drawn here' : this.props.children;
  }
}
