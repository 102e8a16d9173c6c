// GraphiQL, bundled: its editor and its workers come from this server like everything else.
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './colours.css';
import { GraphiQL } from 'graphiql';
import { useEffect, useRef } from 'react';
import { useShownTheme } from '@/ui/theme';
import { useEditorColours } from './editorColours';
import { fetcher } from './fetcher';
import styles from './GraphiqlPage.module.css';
import { givenBy } from './given';
import { mended } from './mended';

const EXAMPLE = `# To follow it as it changes: subscription { live { tasks(...) { ... } } }

{
  tasks(first: 5, orderBy: [{createdAt: DESC}]) {
    totalCount
    nodes { id name status project { name } assignedTo { name } }
  }
}
`;

const given = givenBy(location.hash);

export function GraphiqlPage() {
  const theme = useShownTheme();
  const page = useRef<HTMLDivElement>(null);
  useEditorColours();
  useEffect(() => (page.current ? mended(page.current) : undefined), []);
  return (
    <div className={styles.page} ref={page}>
      <GraphiQL
        fetcher={fetcher}
        defaultQuery={EXAMPLE}
        {...(given && { initialQuery: given.query, initialVariables: given.variables })}
        isHeadersEditorEnabled={false}
        showPersistHeadersSettings={false}
        forcedTheme={theme}
      >
        <GraphiQL.Logo>
          <h1>GraphiQL</h1>
        </GraphiQL.Logo>
      </GraphiQL>
    </div>
  );
}
