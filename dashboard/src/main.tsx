// The dashboard: what is remembered of the reader's taste, the router. The login begins before it (start.ts).
import '@/start';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { router } from '@/app/router';
import { followFirst } from '@/pages/home/page';
import '@/ui/tokens.css';
import '@/ui/base.css';

if (location.pathname === '/') followFirst();
const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id root');
createRoot(root).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
