// The start of the dashboard: what is remembered of the reader's taste, the login, the router.
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { router } from '@/app/router';
import { session } from '@/data/session';
import '@/ui/tokens.css';
import '@/ui/base.css';

session.start();
const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id root');
createRoot(root).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
