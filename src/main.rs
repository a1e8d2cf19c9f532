//! The `doorward` command.

use std::process::ExitCode;

use clap::Parser as _;
use doorward::{
    cli::{Cli, Command},
    command, demo,
    exit::Failure,
    selftest,
    serve::Shell,
    telemetry,
    terminal::complain,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(sentence) = telemetry::start(&cli.log, cli.log_format) {
        complain(&sentence);
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("doorward: the runtime can't be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(cli.command));
    // Whoever is told to hurry waits for no thread.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.sentence.is_empty() {
                complain(&format!("doorward: {failure}"));
            }
            failure.code()
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve { config, take_over } => {
            command::serve::run(&config, take_over, Shell::system()).await
        }
        Command::Check { file, json, without_files } => command::check::run(&file, json, without_files),
        Command::Keys(command) => command::keys::run(command, Shell::system()).await,
        Command::Import { from } => command::import::run(from, &Shell::system()).await,
        Command::Demo(options) if options.selftest => selftest::run(&options, Shell::system()).await,
        Command::Demo(options) => demo::run(&options, Shell::system()).await,
    }
}
