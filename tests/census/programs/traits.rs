// Objects behind trait objects in Rust: a population that is renewed, and a type that leaks.
use std::io::Write;
use std::time::{Duration, Instant};

trait Task {
    fn run(&self) -> u64;
}
struct Resize {
    size: [u64; 6],
}
struct Encode {
    text: String,
}
struct Upload {
    parts: [u64; 11],
}
impl Task for Resize {
    fn run(&self) -> u64 {
        self.size[0]
    }
}
impl Task for Encode {
    fn run(&self) -> u64 {
        self.text.len() as u64
    }
}
impl Task for Upload {
    fn run(&self) -> u64 {
        self.parts[1]
    }
}
struct Slot {
    task: Box<dyn Task>,
    number: u64,
}
/* without a table in the object itself, or a method with the type's name */
struct Retry {
    before: Option<Box<Retry>>,
    call: Box<dyn Fn() -> u64>,
}

fn retry_upload(before: Option<Box<Retry>>, number: u64) -> Option<Box<Retry>> {
    let parts = [number; 7];
    Some(Box::new(Retry { before, call: Box::new(move || parts[3]) }))
}

fn option(name: &str, fallback: f64) -> f64 {
    let arguments: Vec<String> = std::env::args().collect();
    arguments
        .windows(2)
        .find(|pair| pair[0] == name)
        .and_then(|pair| pair[1].parse().ok())
        .unwrap_or(fallback)
}

fn make(number: u64) -> Box<Slot> {
    let task: Box<dyn Task> = if number % 2 == 0 {
        Box::new(Resize { size: [number; 6] })
    } else {
        Box::new(Encode { text: "x".repeat((number % 200) as usize) })
    };
    Box::new(Slot { task, number })
}

fn main() {
    let (leak, end) = (option("--leak", 500.0), option("--for", 300.0));
    let mut live: Vec<Box<Slot>> = (0..100000).map(make).collect();
    let mut kept: Vec<Box<Slot>> = Vec::new();
    let mut retries: Option<Box<Retry>> = None;
    let closures = option("--closures", 0.0) > 0.0;
    let (mut state, mut churned, mut leaked, mut sum) = (12345u64, 0.0, 0.0, 0u64);
    let begin = Instant::now();
    println!("ready");
    std::io::stdout().flush().unwrap();
    while begin.elapsed().as_secs_f64() < end {
        let age = begin.elapsed().as_secs_f64();
        while churned < age * 20000.0 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at = (state >> 33) as usize % live.len();
            live[at] = make(state >> 20);
            sum += live[at].task.run() + live[at].number;
            churned += 1.0;
        }
        while leaked < age * leak {
            leaked += 1.0;
            if closures {
                retries = retry_upload(retries.take(), sum);
                continue;
            }
            kept.push(Box::new(Slot { task: Box::new(Upload { parts: [7; 11] }), number: sum }));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if let Some(retry) = retries {
        println!("{} {}", (retry.call)(), retry.before.is_some());
    }
}
