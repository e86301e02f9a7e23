//! `cargo run --release -p whit-tune --example throughput -- WIDTH LAYERS SEQUENCES LENGTH ASKED STEPS`: tokens a
//! second of training.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|number| number.parse()).collect::<Result<_, _>>()?;
    let &[width, layers, sequences, length, asked, steps] = &numbers[..] else {
        return Err("usage: throughput WIDTH LAYERS SEQUENCES LENGTH ASKED STEPS".into());
    };
    let speed = whit_tune::training::throughput::throughput([width, layers], [sequences, length, asked], steps as u64)?;
    println!("whit-tune d={width} layers={layers} {sequences}x{length}, {asked} asked: {speed:.0} tokens/s");
    Ok(())
}
