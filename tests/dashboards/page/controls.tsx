/**
 * What stands above the panels: the title, the variables with what is chosen, links, the time range. Made of
 * Grafana's controls; their arrangement is this page's.
 */

import { rangeUtil } from '@grafana/data';
import { InlineField, Input, MultiSelect, Select, Text, ToolbarButton } from '@grafana/ui';

import type { Variable } from './interpolate';
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
          .map((variable) => (
            <InlineField key={variable.name} label={variable.label} style={{ margin: 0 }}>
              <Control {...variable} />
            </InlineField>
          ))}
      </div>
    </header>
  );
}

function Control({ control, text }: Variable) {
  const chosen = { label: text, value: text };
  const nothing = () => undefined;
  switch (control) {
    case 'text':
      return <Input value={text} onChange={nothing} />;
    case 'several':
      return <MultiSelect value={[chosen]} options={[]} onChange={nothing} width="auto" />;
    case 'one':
      return <Select value={chosen} options={[]} onChange={nothing} width="auto" />;
  }
}
