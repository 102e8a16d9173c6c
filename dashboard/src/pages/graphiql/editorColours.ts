// The colours of the editors in GraphiQL: those of the dashboard, each readable on the ground of its editor.
import { useMonaco } from '@graphiql/react';
import { useEffect } from 'react';

type Colours = {
  base: 'vs' | 'vs-dark';
  ground: string;
  raised: string;
  chosen: string;
  accent: string;
  rules: Readonly<Record<string, string>>;
};

/** By the names under which GraphiQL asks for them. */
const THEMES: Readonly<Record<string, Colours>> = {
  'graphiql-LIGHT': {
    base: 'vs',
    ground: '#ffffff00',
    raised: '#ffffff',
    chosen: '#1f4e7919',
    accent: '#1f4e79',
    rules: { 'argument.identifier.gql': '#4f4bb8', comment: '#086608', number: '#07603f', string: '#9c1313' },
  },
  'graphiql-DARK': {
    base: 'vs-dark',
    ground: '#ffffff00',
    raised: '#212a3b',
    chosen: '#8fc1f526',
    accent: '#8fc1f5',
    rules: { 'argument.identifier.gql': '#a5a0ff', comment: '#8fbf7a' },
  },
};

export function useEditorColours(): void {
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    if (!monaco) return;
    for (const [name, { base, ground, raised, chosen, accent, rules }] of Object.entries(THEMES)) {
      monaco.editor.defineTheme(name, {
        base,
        inherit: true,
        rules: Object.entries(rules).map(([token, foreground]) => ({ token, foreground })),
        colors: {
          'editor.background': ground,
          'scrollbar.shadow': ground,
          'textLink.foreground': accent,
          'textLink.activeForeground': accent,
          'editorLink.activeForeground': accent,
          'editorHoverWidget.background': raised,
          'list.hoverBackground': chosen,
          'list.highlightForeground': accent,
          'list.focusHighlightForeground': accent,
          'menu.background': raised,
          'menu.selectionBackground': chosen,
          'menu.selectionForeground': accent,
          'editorSuggestWidget.background': raised,
          'editorSuggestWidget.selectedBackground': chosen,
          'editorSuggestWidget.selectedForeground': accent,
          'editorWidget.background': raised,
          'quickInput.background': raised,
          'quickInputList.focusBackground': chosen,
          'quickInputList.focusForeground': accent,
          focusBorder: accent,
        },
      });
    }
  }, [monaco]);
}
