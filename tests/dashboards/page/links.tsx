/** The links of a dashboard that Grafana shows above the panels. */

import { LinkButton } from '@grafana/ui';

import type { Dashboard } from './model';
import { fails } from './report';

/** `others`: all dashboards that a link may find by their tags. */
export function Links({ dashboard, others }: { dashboard: Dashboard; others: Dashboard[] }) {
  return (dashboard.links ?? []).flatMap((link, index) => {
    if (link.asDropdown) {
      fails(link.title, 'a link that opens a menu is not drawn here');
      return [];
    }
    if (link.type === 'link') {
      return [
        <LinkButton key={index} href={link.url ?? ''} icon="external-link-alt" variant="secondary" fill="outline">
          {link.title}
        </LinkButton>,
      ];
    }
    const found = others.filter(
      ({ uid, tags = [] }) => uid !== dashboard.uid && link.tags.every((tag) => tags.includes(tag))
    );
    if (found.length === 0) {
      fails(link.title, `no other dashboard has the tags ${link.tags.join(', ')}`);
    }
    return found.map((other) => (
      <LinkButton key={other.uid} href={`/d/${other.uid}`} icon="apps" variant="secondary" fill="outline">
        {other.title}
      </LinkButton>
    ));
  });
}
