/**
 * What stands above the panels: the title, the variables with what is chosen, links, the time range. Made of
 * Grafana's controls; their arrangement is this page's.
 */

import { rangeUtil } from '@grafana/data';
import { InlineField, MultiSelect, Select, Text, ToolbarButton } from '@grafana/ui';

import { Links } from './links';
import type { Setting } from './load';
import type { Dashboard } from './model';

interface Props {
  dashboard: Dashboard;
  others: Dashboard[];
  setting: Setting;
}

export function Controls({ dashboard, others, setting }: Props) {
  const row = { display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 8 } as const;
  const chosen = (text: string) => ({ label: text, value: text });
  const nothing = () => undefined;
  return (
    <header style={{ display: 'flex', flexDirection: 'column', gap: 12, marginBottom: 16 }}>
      <div style={{ ...row, justifyContent: 'space-between' }}>
        <Text element="h1" variant="h3">
          {dashboard.title ?? ''}
        </Text>
        <div style={row}>
          <Links dashboard={dashboard} others={others} />
          <ToolbarButton icon="clock-nine" variant="canvas">
            {rangeUtil.describeTimeRange(setting.range.raw)}
          </ToolbarButton>
          <ToolbarButton icon="sync" variant="canvas">
            {dashboard.refresh || null}
          </ToolbarButton>
        </div>
      </div>
      <div style={row}>
        {setting.variables
          .filter((variable) => !variable.hidden)
          .map(({ name, label, text, isMulti }) => (
            <InlineField key={name} label={label} style={{ margin: 0 }}>
              {isMulti ? (
                <MultiSelect value={[chosen(text)]} options={[]} onChange={nothing} width="auto" />
              ) : (
                <Select value={chosen(text)} options={[]} onChange={nothing} width="auto" />
              )}
            </InlineField>
          ))}
      </div>
    </header>
  );
}
