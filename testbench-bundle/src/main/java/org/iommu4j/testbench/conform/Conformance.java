package org.iommu4j.testbench.conform;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Watch;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.ConformOptions;
import org.iommu4j.testbench.ConformReport;
import org.iommu4j.testbench.ConformReport.Line;
import org.iommu4j.testbench.ConformReport.Result;
import org.iommu4j.testbench.ConformService;
import org.iommu4j.testbench.FuzzOptions.What;
import org.iommu4j.testbench.run.Arrivals;

/** Checks a vendor's bundle rule by rule, in a container where it is installed for the time of the run. */
public final class Conformance implements ConformService {
    /** Most rules that do not come back before a run gives up: each leaves a thread behind. */
    private static final int MOST_HANGS = 3;

    private static final String BARE_WORD = "[A-Za-z0-9_./:=+-]+";

    private final IommuService service;
    private final PlatformFactory platforms;
    private final Servers servers;
    private final long limitNanos;

    /** Checks through a core, in a container. */
    public Conformance(IommuService service, PlatformFactory platforms, BundleService bundles) {
        this(service, platforms, bundles, Watch.DEFAULT_LIMIT_NANOS);
    }

    /** The same with another limit of what may take a while. */
    Conformance(IommuService service, PlatformFactory platforms, BundleService bundles, long limitNanos) {
        this.service = service;
        this.platforms = platforms;
        this.limitNanos = limitNanos;
        servers = new Servers(service, bundles);
    }

    @Override
    public ConformReport run(ConformOptions options, Consumer<Line> lines) {
        Set<String> known = new TreeSet<>();
        Arrays.stream(Requirement.values()).map(Requirement::id).forEach(known::add);
        for (String rule : options.only()) {
            if (!known.contains(rule)) {
                throw new CaseFileException(
                        "",
                        0,
                        0,
                        "",
                        "there is no rule '" + OneLine.name(rule) + "'; rules: " + String.join(", ", known),
                        null);
            }
        }
        try (Watch watch = new Watch(limitNanos)) {
            return new Run(options, BundleFile.read(options.jar()), watch, lines).report();
        }
    }

    /** One run. */
    private final class Run {
        private final ConformOptions options;
        private final BundleFile file;
        private final Watch watch;
        private final Consumer<Line> lines;
        private final List<Line> checklist = new ArrayList<>();
        private String model = "";
        private int hangs;

        Run(ConformOptions options, BundleFile file, Watch watch, Consumer<Line> lines) {
            this.options = options;
            this.file = file;
            this.watch = watch;
            this.lines = lines;
        }

        ConformReport report() {
            ManifestChecks manifest = new ManifestChecks(file);
            look(Requirement.MANIFEST_IDENTITY, manifest::identity);
            look(Requirement.MANIFEST_IMPORTS, manifest::imports);
            look(Requirement.MANIFEST_CONTENT, manifest::content);
            look(Requirement.MANIFEST_OFFER, manifest::offer);
            if (wantsFrom(Requirement.INSTALL_RESOLVE)) {
                installed();
            }
            return new ConformReport(
                    options.jar().toString(), file.sha256(), file.symbolicName(), file.version(), model, checklist);
        }

        /** True if a rule from that one on is asked for. */
        private boolean wantsFrom(Requirement first) {
            return options.only().isEmpty()
                    || Arrays.stream(Requirement.values())
                            .anyMatch(rule ->
                                    rule.compareTo(first) >= 0 && options.only().contains(rule.id()));
        }

        private void installed() {
            Arrivals.Arrival[] arrival = new Arrivals.Arrival[1];
            String why = needed(Requirement.INSTALL_RESOLVE, progress -> {
                arrival[0] = servers.install(options.jar());
                return "backend " + arrival[0].status().id();
            });
            if (!why.isEmpty()) {
                skip(Requirement.INSTALL_TRIAL, why);
                return;
            }
            BackendStatus status = arrival[0].status();
            model = status.model() == null ? "" : status.model().label();
            boolean left = false;
            try {
                String trial = needed(Requirement.INSTALL_TRIAL, progress -> {
                    Check.expect(
                            status.state() != BackendStatus.State.FAILED
                                    && status.reason().isEmpty(),
                            status.reason());
                    servers.serve(status.model(), status.id());
                    return "";
                });
                if (trial.isEmpty()) {
                    served(status);
                } else {
                    skipUntil(Requirement.DESCRIBE_SELF, Requirement.LEAVE_NOTHING, trial);
                }
                left = true;
            } finally {
                if (!left) {
                    arrival[0].close();
                }
            }
            look(Requirement.LEAVE_NOTHING, progress -> gone(arrival[0]));
            if (!isSelected(Requirement.LEAVE_NOTHING)) {
                arrival[0].close();
            }
        }

        private String gone(Arrivals.Arrival arrival) {
            arrival.close();
            List<String> left = arrival.left();
            Check.expect(left.isEmpty(), String.join("; ", left));
            return "";
        }

        private void served(BackendStatus status) {
            Subject subject =
                    new Subject(service, platforms, service.backend(status.model()), status.id(), options.seed());
            Map<Requirement, Check> checks = new EnumMap<>(Requirement.class);
            DescriptionChecks description = new DescriptionChecks(subject, file);
            checks.put(Requirement.DESCRIBE_SELF, description::self);
            checks.put(Requirement.DESCRIBE_GENERATIONS, description::generations);
            checks.put(Requirement.DESCRIBE_SETTINGS, description::settings);
            StructureChecks structures = new StructureChecks(subject);
            checks.put(Requirement.LAYOUT_NAMES, structures::names);
            checks.put(Requirement.LAYOUT_DOCUMENTED, structures::documented);
            checks.put(Requirement.LAYOUT_ROUND_TRIP, structures::roundTrip);
            RequestChecks requests = new RequestChecks(subject);
            checks.put(Requirement.CONTRACT_BLOCKED, requests::blocked);
            checks.put(Requirement.CONTRACT_BOUND, requests::bound);
            checks.put(Requirement.CONTRACT_INVALIDATE, requests::invalidate);
            checks.put(Requirement.CONTRACT_UNBIND, requests::unbind);
            checks.put(Requirement.CONTRACT_DETACH, requests::detach);
            checks.put(Requirement.CONTRACT_CLOSE, requests::close);
            checks.put(Requirement.CONTRACT_STRANGERS, requests::strangers);
            checks.put(Requirement.CONTRACT_RESERVED, requests::reserved);
            GeneratedChecks generated = new GeneratedChecks(subject, options.cases(), options.generated());
            checks.put(Requirement.CASES_OWN, generated::own);
            checks.put(Requirement.GENERATED_CONTRACT, generated.of(What.CONTRACT));
            checks.put(Requirement.GENERATED_COMMANDS, generated.of(What.COMMANDS));
            checks.put(Requirement.GENERATED_TABLES, generated.of(What.TABLES));
            checks.put(Requirement.GENERATED_REGISTERS, generated.of(What.REGISTERS));
            StateChecks states = new StateChecks(subject);
            checks.put(Requirement.STATE_CHIP, states::chip);
            checks.put(Requirement.STATE_DRIVER, states::driver);
            checks.put(Requirement.STATE_GUEST, states::guest);
            checks.put(Requirement.STATE_DAMAGED, states::damaged);
            checks.put(Requirement.STATE_UNKNOWN, states::unknown);
            checks.put(
                    Requirement.STATE_RELEASED,
                    progress -> states.released(
                            Fixtures.of(options.fixtures(), file.symbolicName()),
                            Fixtures.version(file.file(), file.version()),
                            progress));
            SwapChecks swaps = new SwapChecks(subject, servers, options.jar(), options.released(), options.swaps());
            checks.put(Requirement.SWAP_ITSELF, swaps::itself);
            checks.put(Requirement.SWAP_RELEASED, swaps::released);
            checks.put(Requirement.SWAP_EXCEPTIONS, progress -> {
                BackendStatus now = subject.status();
                Check.expect(
                        now.contained() == 0,
                        now.contained() + " exceptions of its code were contained; the log has them: " + now.reason());
                return "";
            });
            HostChecks hosts = new HostChecks(subject);
            checks.put(Requirement.HOST_MEMORY, hosts::memory);
            checks.put(Requirement.HOST_INTERRUPTS, hosts::interrupts);
            checks.put(Requirement.HOST_TIME_OUTS, hosts::timeOuts);
            checks.put(Requirement.HOST_EXCEPTIONS, hosts::exceptions);
            checks.put(Requirement.HOST_GONE, hosts::gone);
            checks.put(Requirement.LEAVE_PAGES, hosts::pages);
            checks.forEach(this::look);
        }

        private boolean isSelected(Requirement rule) {
            return options.only().isEmpty() || options.only().contains(rule.id());
        }

        /** Looks at a rule on which later ones build: they cannot be looked at without it. Answers why not; empty if it holds. */
        private String needed(Requirement rule, Check check) {
            Line line;
            try (Watch patient = new Watch(Watch.DEFAULT_LIMIT_NANOS)) {
                line = outcome(rule, check, patient);
            }
            if (line.result() == Result.PASSED) {
                if (isSelected(rule)) {
                    add(line);
                }
                return "";
            }
            add(line);
            return "since " + rule.id() + " failed";
        }

        private void look(Requirement rule, Check check) {
            if (isSelected(rule)) {
                add(
                        hangs < MOST_HANGS
                                ? outcome(rule, check, watch)
                                : line(rule, Result.NOT_COVERED, "since " + MOST_HANGS + " rules did not come back"));
            }
        }

        private void skip(Requirement from, String why) {
            skipUntil(from, null, why);
        }

        private void skipUntil(Requirement from, Requirement until, String why) {
            for (Requirement rule : Requirement.values()) {
                boolean inside = rule.compareTo(from) >= 0 && (until == null || rule.compareTo(until) < 0);
                if (inside && isSelected(rule)) {
                    add(line(rule, Result.NOT_COVERED, why));
                }
            }
        }

        private void add(Line line) {
            checklist.add(line);
            lines.accept(line);
        }

        private Line outcome(Requirement rule, Check check, Watch by) {
            try {
                return line(rule, Result.PASSED, by.run(progress -> seen(check, progress)));
            } catch (Check.Unmet e) {
                return line(rule, Result.FAILED, e.getMessage());
            } catch (Check.NotCovered e) {
                return line(rule, Result.NOT_COVERED, e.getMessage());
            } catch (Watch.HangException e) {
                hangs++;
                return line(rule, Result.FAILED, "it " + e.getMessage());
            } catch (BackendException e) {
                return line(rule, Result.FAILED, "ends with " + e.errno() + ": " + e.getMessage());
            } catch (RuntimeException | Error e) {
                return line(rule, Result.FAILED, "ends with a " + e.getClass().getName() + " that has no text");
            }
        }

        /** Observations of a check. Whatever a vendor throws becomes text here, in the thread that is watched: its text may hang, too. */
        private static String seen(Check check, Progress progress) {
            try {
                return check.run(progress);
            } catch (Check.Unmet | Check.NotCovered | BackendException e) {
                throw e;
            } catch (Throwable e) {
                throw new Check.Unmet("ends with " + e, e);
            }
        }

        private Line line(Requirement rule, Result result, String detail) {
            return new Line(rule.id(), rule.about(), result, OneLine.message(String.valueOf(detail)), again(rule));
        }

        private String again(Requirement rule) {
            StringBuilder command = new StringBuilder("./iommu4j conform ").append(quoted(options.jar()));
            command.append(" --only ").append(rule.id());
            if (rule == Requirement.SWAP_RELEASED) {
                options.released().forEach(jar -> command.append(" --released ").append(quoted(jar)));
            }
            if (rule == Requirement.CASES_OWN) {
                options.cases().forEach(cases -> command.append(" --cases ").append(quoted(cases)));
            }
            if (rule == Requirement.STATE_RELEASED && options.fixtures() != null) {
                command.append(" --fixtures ").append(quoted(options.fixtures()));
            }
            if (options.seed() != 1) {
                command.append(" --seed ").append(options.seed());
            }
            if (rule.id().startsWith("generated.") && options.generated() != ConformOptions.DEFAULT_GENERATED) {
                command.append(" --generated ").append(options.generated());
            }
            if (rule.id().startsWith("swap.") && options.swaps() != ConformOptions.DEFAULT_SWAPS) {
                command.append(" --swaps ").append(options.swaps());
            }
            return command.toString();
        }
    }

    private static String quoted(Path path) {
        String text = path.toString();
        return text.matches(BARE_WORD) ? text : "'" + text.replace("'", "'\\''") + "'";
    }
}
