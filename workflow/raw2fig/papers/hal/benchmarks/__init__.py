"""The four benchmarks of laptop scale: real code repair, arithmetic with a calculator, a site, a service desk."""
