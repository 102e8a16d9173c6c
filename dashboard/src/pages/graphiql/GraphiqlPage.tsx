// GraphiQL, bundled: its editor and its workers come from this server like everything else.
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import { GraphiQL } from 'graphiql';
import { useTheme } from '@/ui/theme';
import { fetcher } from './fetcher';
import styles from './GraphiqlPage.module.css';
import { givenBy } from './given';

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
  const theme = useTheme();
  return (
    <div className={styles.page}>
      <GraphiQL
        fetcher={fetcher}
        defaultQuery={EXAMPLE}
        {...(given && { initialQuery: given.query, initialVariables: given.variables })}
        isHeadersEditorEnabled={false}
        showPersistHeadersSettings={false}
        {...(theme === 'system' ? {} : { forcedTheme: theme })}
      />
    </div>
  );
}
