// What is this one doing? Its tree with what each used, and the views of what it did.
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { useTitle } from '@/app/title';
import { useLive } from '@/data/follow';
import { useAnswering } from '@/data/permissions';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Excerpt } from '@/ui/Excerpt';
import { named } from '@/ui/named';
import page from '@/ui/page.module.css';
import { needsPerson, StateWord, stateOf } from '@/ui/State';
import { Failed, Loading, NOT_FOUND } from '@/ui/states';
import { useSteady, useUnchanged } from '@/ui/steady';
import { Since, useNow } from '@/ui/time';
import { askedOf } from '@/ui/toolInput';
import { useNarrow } from '@/ui/width';
import { Conversation } from './Conversation';
import { Files } from './Files';
import styles from './InstancePage.module.css';
import { InstanceDocument, InstanceTreeDocument } from './instance.generated';
import { Logs } from './Logs';
import { Mcp } from './Mcp';
import { TEXTS } from './messages';
import { TABS, type Tab } from './page';
import { Replay } from './replay/Replay';
import { TimelineView } from './TimelineView';
import { branches, type Used } from './tree';

export function InstancePage() {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { id } = useParams({ from: '/instances/$id' });
  const { tab = 'conversation' } = useSearch({ from: '/instances/$id' });
  const { data, trouble } = useLive(InstanceDocument, { id });
  useShortcuts([{ keys: 'u', label: t.back, run: () => history.back() }]);
  useTitle(data?.ccInstance?.name);
  if (trouble) return <Failed page trouble={trouble} />;
  if (data === undefined) return <Loading />;
  const instance = data.ccInstance;
  if (instance === null) return <Failed page trouble={NOT_FOUND} />;
  const root = instance.ancestors.nodes.find(({ parentInstanceId }) => parentInstanceId === null)?.id ?? id;
  const asked = instance.permissionRequests.nodes[0];
  const { activitySince, activityDetail } = instance;
  const facts = [
    instance.project?.name,
    instance.model,
    instance.contextUsedPercent !== null && t.context(formats.percent(instance.contextUsedPercent)),
  ];
  return (
    <div className={styles.page}>
      <Tree root={root} current={id} />
      <div className={styles.main}>
        <div className={styles.head}>
          <h1>{named(instance.name, id)}</h1>
          <p className="quiet">
            <StateWord state={stateOf(instance)} />
            {!asked && activitySince && (
              <>
                {' '}
                <Since at={activitySince} />
              </>
            )}
            {facts.filter(Boolean).map((fact) => ` · ${fact}`)}
          </p>
          {!asked && activityDetail && <Excerpt label={t.doing}>{activityDetail}</Excerpt>}
          {instance.lastMessage && <Excerpt label={t.said}>{instance.lastMessage}</Excerpt>}
          {asked && <Asked request={asked} />}
        </div>
        <nav aria-label={t.views}>
          <ul className={`${page.tabs} ${styles.tabs}`}>
            {TABS.map((name) => (
              <li key={name}>
                <Link
                  to="/instances/$id"
                  params={{ id }}
                  search={{ tab: name }}
                  replace
                  aria-current={name === tab ? 'page' : undefined}
                >
                  {t.tabs[name]}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <View id={id} tab={tab} />
      </div>
    </div>
  );
}

type Request = {
  id: string;
  toolName: string;
  toolInput: unknown;
  askedAt: string;
  heldUntil: string | null;
};

function Asked({ request }: { request: Request }) {
  const t = useTexts(TEXTS);
  const { answered, trouble, forget, answer } = useAnswering();
  const now = useNow();
  const held = request.heldUntil !== null && Date.parse(request.heldUntil) > now;
  const steady = useSteady(request.id);
  const isUnchanged = useUnchanged(useMemo(() => new Map([['', request.id]]), [request.id]));
  const decide = (decision: 'ALLOW' | 'DENY') => {
    if (held && isUnchanged('') && !answered.has(request.id)) answer(request.id, decision);
  };
  const button = (decision: 'ALLOW' | 'DENY', label: string) => (
    <button
      type="button"
      disabled={!held || answered.has(request.id)}
      aria-disabled={!steady}
      onClick={() => steady && decide(decision)}
    >
      {label}
    </button>
  );
  useShortcuts([
    { keys: 'a', label: t.allow, run: () => decide('ALLOW') },
    { keys: 'd', label: t.deny, run: () => decide('DENY') },
  ]);
  return (
    <div className={styles.asked}>
      <Excerpt label={t.asks}>
        {t.asks} (<Since at={request.askedAt} />
        ): <strong>{request.toolName}</strong> <code>{askedOf(request.toolInput)}</code>
      </Excerpt>
      {button('ALLOW', t.allow)}
      {button('DENY', t.deny)}
      {trouble && <Failed trouble={trouble} close={forget} />}
    </div>
  );
}

function View({ id, tab }: { id: string; tab: Tab }) {
  switch (tab) {
    case 'conversation':
      return <Conversation key={id} id={id} />;
    case 'timeline':
      return <TimelineView key={id} id={id} />;
    case 'files':
      return <Files key={id} id={id} />;
    case 'mcp':
      return <Mcp key={id} id={id} />;
    case 'logs':
      return <Logs key={id} id={id} />;
    case 'replay':
      return <Replay key={id} id={id} />;
  }
}

/** On a phone it is folded, so that the page begins with what the instance does. */
function Tree({ root, current }: { root: string; current: string }) {
  const t = useTexts(TEXTS);
  const narrow = useNarrow();
  const formats = useFormats();
  const { data, trouble } = useLive(InstanceTreeDocument, { root });
  if (trouble) return <Failed trouble={trouble} />;
  if (!data?.ccInstance) return <Loading />;
  const { descendants, ...top } = data.ccInstance;
  const used = ({ tokens, cost }: Used) => `${formats.cost(cost)} · ${t.tokens(formats.compact(tokens))}`;
  const all = branches(top, descendants.nodes);
  const list = (
    <>
      <ul>
        {all.map((branch) => (
          <li key={branch.id} style={{ paddingInlineStart: `${branch.depth * 1.1}rem` }}>
            <Link
              to="/instances/$id"
              params={{ id: branch.id }}
              search={true}
              aria-current={branch.id === current ? 'page' : undefined}
            >
              {branch.name}
            </Link>{' '}
            <StateWord state={branch.state} />
            <p className={styles.used}>
              {branch.own.tokens === branch.subtree.tokens
                ? used(branch.own)
                : t.usage(used(branch.own), used(branch.subtree))}
            </p>
          </li>
        ))}
      </ul>
      {descendants.totalCount > descendants.nodes.length && (
        <p className="quiet">{t.below(formats.whole(descendants.totalCount))}</p>
      )}
    </>
  );
  if (!narrow) {
    return (
      <section className={styles.tree} aria-labelledby="tree-title">
        <h2 id="tree-title">{t.tree}</h2>
        {list}
      </section>
    );
  }
  const waiting = all.filter((branch) => branch.id !== current && needsPerson(branch)).length;
  return (
    <section className={styles.tree} aria-label={t.tree}>
      <details>
        <summary>
          <h2>
            {t.tree} <span className="quiet">{formats.whole(all.length)}</span>{' '}
            {waiting > 0 && <span className={styles.waiting}>{t.othersWait(waiting)}</span>}
          </h2>
        </summary>
        {list}
      </details>
    </section>
  );
}
