//! The same job in Rust: read ids, GET, take one field, write a line
//!
//!     http hyper|reqwest IDS OUT URL CONCURRENCY      IDS holds {"id": n} lines; URL ends before the id
//!
//! A current_thread runtime; CONCURRENCY workers share one client and one iterator of records.
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{connect::HttpConnector, Client};
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::rc::Rc;
use tokio::task::LocalSet;

type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize, Serialize)]
struct Record {
    id: u64,
    #[serde(rename = "ref", default)]
    reference: String,
}

#[derive(Deserialize)]
struct Customer {
    #[serde(rename = "ref")]
    reference: String,
}

#[derive(Deserialize)]
struct Answer {
    customer: Customer,
}

enum Http {
    Hyper(Client<HttpConnector, Empty<bytes::Bytes>>),
    Reqwest(reqwest::Client),
}

impl Http {
    fn new(which: &str, concurrency: usize) -> Result<Http, Failure> {
        if which == "reqwest" {
            let client = reqwest::Client::builder()
                .pool_max_idle_per_host(concurrency)
                .build()?;
            return Ok(Http::Reqwest(client));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut client = Client::builder(TokioExecutor::new());
        Ok(Http::Hyper(
            client.pool_max_idle_per_host(concurrency).build(connector),
        ))
    }

    async fn exchange(&self, url: &str) -> Result<Answer, Failure> {
        match self {
            Http::Reqwest(client) => Ok(client
                .get(url)
                .send()
                .await?
                .error_for_status()?
                .json()
                .await?),
            Http::Hyper(client) => {
                let answer = client.get(url.parse()?).await?;
                if !answer.status().is_success() {
                    return Err(format!("{url}: {}", answer.status()).into());
                }
                let body = answer.into_body().collect().await?.to_bytes();
                Ok(serde_json::from_slice(&body)?)
            }
        }
    }
}

struct Job {
    http: Http,
    url: String,
    lines: RefCell<std::io::Lines<BufReader<File>>>,
    out: RefCell<BufWriter<File>>,
}

async fn work(job: Rc<Job>) -> Result<(), Failure> {
    loop {
        let Some(line) = job.lines.borrow_mut().next() else {
            return Ok(());
        };
        let mut record: Record = serde_json::from_str(&line?)?;
        let answer = job
            .http
            .exchange(&format!("{}{}", job.url, record.id))
            .await?;
        record.reference = answer.customer.reference;
        let mut out = job.out.borrow_mut();
        serde_json::to_writer(&mut *out, &record)?;
        out.write_all(b"\n")?;
    }
}

async fn run(job: Rc<Job>, concurrency: usize) -> Result<(), Failure> {
    let workers: Vec<_> = (0..concurrency)
        .map(|_| tokio::task::spawn_local(work(job.clone())))
        .collect();
    for worker in workers {
        worker.await??;
    }
    job.out.borrow_mut().flush()?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, which, ids, out, url, concurrency] = &arguments[..] else {
        return Err("usage: http hyper|reqwest IDS OUT URL CONCURRENCY".into());
    };
    let concurrency = concurrency.parse()?;
    let job = Rc::new(Job {
        http: Http::new(which, concurrency)?,
        url: url.clone(),
        lines: RefCell::new(BufReader::new(File::open(ids)?).lines()),
        out: RefCell::new(BufWriter::with_capacity(1 << 16, File::create(out)?)),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, run(job, concurrency))
}
