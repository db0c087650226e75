/** Text panels, by Grafana's own rendering of Markdown. */

import { renderTextPanelMarkdown, textUtil } from '@grafana/data';
import type { Options } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import { TextMode, defaultOptions } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';

import { NotDrawn } from './nothing';
import type { PanelProps, PanelType } from './type';

function Text({ where, options, replaceVariables }: PanelProps<Options>) {
  if (options.mode === TextMode.Code) {
    return <NotDrawn where={where} what="a text panel of code" />;
  }
  const isMarkdown = options.mode === TextMode.Markdown;
  const content = replaceVariables(options.content, {}, isMarkdown ? 'glob' : 'html');
  const html = isMarkdown ? renderTextPanelMarkdown(content) : textUtil.sanitizeTextPanelContent(content);
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}

export const text: PanelType = {
  Draw: Text,
  options: defaultOptions,
  color: { mode: 'thresholds' },
  custom: {},
};
