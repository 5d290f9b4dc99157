--
-- PostgreSQL database dump
--

\restrict DB7IrT9iDyW3Oclt1UUyyvJ0znLmVuxjzRcQuLXfV3qFW2MEKAf8AfEf79lboa2

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: token_ledger; Type: SCHEMA; Schema: -; Owner: pred
--

CREATE SCHEMA token_ledger;


ALTER SCHEMA token_ledger OWNER TO pred;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: token_ledger_events; Type: TABLE; Schema: token_ledger; Owner: pred
--

CREATE TABLE token_ledger.token_ledger_events (
    event_id uuid NOT NULL,
    trace_id uuid,
    span_id uuid,
    parent_span_id uuid,
    "timestamp" timestamp with time zone DEFAULT now() NOT NULL,
    duration_ms double precision,
    provider character varying(50) NOT NULL,
    model character varying(100) NOT NULL,
    input_tokens integer DEFAULT 0 NOT NULL,
    output_tokens integer DEFAULT 0 NOT NULL,
    total_tokens integer DEFAULT 0 NOT NULL,
    cached_tokens integer DEFAULT 0,
    cost_usd numeric(12,8),
    endpoint character varying(255),
    request_type character varying(50) DEFAULT 'chat'::character varying,
    user_id character varying(255),
    session_id character varying(255),
    organization_id character varying(255),
    app_name character varying(100),
    environment character varying(50),
    status character varying(20) DEFAULT 'success'::character varying,
    error_type character varying(100),
    error_message text,
    metadata jsonb,
    request_preview text,
    response_preview text,
    feature character varying(100),
    page character varying(255),
    component character varying(100),
    team character varying(100),
    project character varying(100),
    cost_center character varying(100),
    metadata_extra jsonb
);


ALTER TABLE token_ledger.token_ledger_events OWNER TO pred;

--
-- Data for Name: token_ledger_events; Type: TABLE DATA; Schema: token_ledger; Owner: pred
--

COPY token_ledger.token_ledger_events (event_id, trace_id, span_id, parent_span_id, "timestamp", duration_ms, provider, model, input_tokens, output_tokens, total_tokens, cached_tokens, cost_usd, endpoint, request_type, user_id, session_id, organization_id, app_name, environment, status, error_type, error_message, metadata, request_preview, response_preview, feature, page, component, team, project, cost_center, metadata_extra) FROM stdin;
00000000-0000-4000-8000-000000000001	\N	\N	\N	2026-01-15 10:00:00.123456+00	250.5	openai	gpt-4o	1000	100	1100	0	0.00350000	\N	chat	user_1	s1	org_1	shop	production	success	\N	\N	\N	[{"role":"user","content":"tell\tme\\n a secret"}]	the secret answer	summarize	/dash	\N	ml	api	CC-001	{"tier": "gold", "units": 7, "nested": {"a": 1}}
00000000-0000-4000-8000-000000000002	\N	\N	\N	2026-01-15 22:30:00+00	1500	anthropic	claude-3-5-sonnet-20241022	200	50	250	800	0.00000000	\N	chat	user_2	\N	\N	shop	production	success	\N	\N	\N	\N	\N	chat	\N	\N	ml	\N	CC-001	\N
00000000-0000-4000-8000-000000000003	\N	\N	\N	2026-01-15 23:30:00+00	80	openai	gpt-4o	0	0	0	0	0.00000000	\N	chat	user_1	\N	\N	shop	production	error	RateLimitError	429 the secret answer was refused	\N	\N	\N	chat	\N	\N	product	\N	\N	\N
00000000-0000-4000-8000-000000000004	\N	\N	\N	2026-01-16 09:00:00+00	\N	openai	text-embedding-3-small	5000	0	5000	0	0.00010000	\N	embedding	\N	\N	\N	search	production	success	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	{"tenant": "globex"}
00000000-0000-4000-8000-000000000005	\N	\N	\N	2026-01-16 09:30:00+00	10	openai	gpt-4o	0	0	0	0	0.00000000	\N	chat	user_3	\N	\N	shop	dev	success	\N	\N	\N	streamed without usage	\N	chat	\N	\N	product	\N	\N	\N
\.


--
-- Name: token_ledger_events token_ledger_events_pkey; Type: CONSTRAINT; Schema: token_ledger; Owner: pred
--

ALTER TABLE ONLY token_ledger.token_ledger_events
    ADD CONSTRAINT token_ledger_events_pkey PRIMARY KEY (event_id);


--
-- PostgreSQL database dump complete
--

\unrestrict DB7IrT9iDyW3Oclt1UUyyvJ0znLmVuxjzRcQuLXfV3qFW2MEKAf8AfEf79lboa2

