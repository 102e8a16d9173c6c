// The addresses of the dashboard, and what is shown where there is no page or a page fails.
import { createRouter, type ErrorComponentProps, Link } from '@tanstack/react-router';
import { troubleOfThrown } from '@/data/trouble';
import { texts, useTexts } from '@/i18n/language';
import { navigation, pages } from '@/pages';
import { Empty, Failed, Loading } from '@/ui/states';
import { root } from './root';

const TEXTS = texts({
  en: { nothing: 'There is no page at this address.', home: 'Go to the first page' },
  ja: { nothing: 'このアドレスにはページがありません。', home: 'ホームへ戻る' },
});

export const router = createRouter({
  routeTree: root.addChildren(pages),
  context: { navigation },
  defaultPreload: 'intent',
  defaultPendingComponent: Loading,
  defaultPendingMs: 300,
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: Broken,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

function NotFound() {
  const t = useTexts(TEXTS);
  return (
    <Empty page title={t.nothing}>
      <Link to="/">{t.home}</Link>
    </Empty>
  );
}

function Broken({ error, reset }: ErrorComponentProps) {
  const message = error instanceof Error ? error.message : String(error);
  const trouble = { ...troubleOfThrown(error), kind: 'server' as const, message };
  return <Failed page trouble={trouble} again={reset} />;
}
