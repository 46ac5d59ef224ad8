package org.iommu4j.shell.component;

import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.Process;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.cli.Installation;
import org.iommu4j.shell.gogo.ForbiddenCommands;
import org.iommu4j.shell.gogo.IommuCommands;
import org.iommu4j.shell.gogo.ShellRecording;
import org.iommu4j.shell.text.Screen;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.ReplayService;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;

/** Registers the Gogo commands; they stay there, with a clear answer, while the core is away. */
@Component(
        service = {},
        immediate = true)
public final class IommuCommandsComponent {
    /** Number of the stream, as Gogo counts them. */
    private static final int STANDARD_OUTPUT = 1;

    private final AtomicReference<IommuService> core = new AtomicReference<>();
    private final AtomicReference<ExplainService> explain = new AtomicReference<>();
    private final AtomicReference<ReplayService> replays = new AtomicReference<>();
    private final AtomicReference<RecordService> records = new AtomicReference<>();
    private final ShellRecording recording;
    private final ServiceRegistration<IommuCommands> registration;
    private final ServiceRegistration<ForbiddenCommands> forbidding;

    /** Registers the commands. */
    @Activate
    public IommuCommandsComponent(BundleContext context) {
        Absence absence = new Absence(context);
        recording = new ShellRecording(() -> present(records, RecordService.class, absence));
        // Gogo gives each thread its own System.out: the pipe or the console that the command writes to.
        IommuCommands commands = new IommuCommands(
                () -> present(core, IommuService.class, absence),
                () -> present(explain, ExplainService.class, absence),
                () -> present(replays, ReplayService.class, absence),
                recording,
                () -> Installation.here().releasedJars(),
                IommuCommandsComponent::screen,
                text -> System.out.print(text));
        registration = context.registerService(
                IommuCommands.class,
                commands,
                FrameworkUtil.asDictionary(Map.of(
                        CommandProcessor.COMMAND_SCOPE,
                        "iommu",
                        CommandProcessor.COMMAND_FUNCTION,
                        IommuCommands.FUNCTIONS.toArray(String[]::new))));
        forbidding = context.registerService(
                ForbiddenCommands.class,
                new ForbiddenCommands(),
                FrameworkUtil.asDictionary(Map.of(
                        CommandProcessor.COMMAND_SCOPE,
                        ForbiddenCommands.SCOPE,
                        CommandProcessor.COMMAND_FUNCTION,
                        ForbiddenCommands.FUNCTIONS.toArray(String[]::new),
                        Constants.SERVICE_RANKING,
                        Integer.MAX_VALUE)));
    }

    /** Screen of the command that calls: the terminal, unless it writes into a pipe or a file of the shell's. */
    private static Screen screen() {
        Process process = Process.Utils.current();
        return process != null && process.isTty(STANDARD_OUTPUT) ? Screen.output() : Screen.NONE;
    }

    private static <T> T present(AtomicReference<T> holder, Class<T> type, Absence absence) {
        T service = holder.get();
        if (service == null) {
            throw new CommandFailure("no service " + type.getName() + " " + absence.of(type));
        }
        return service;
    }

    /** The core has come. */
    @Reference(name = "core", cardinality = ReferenceCardinality.OPTIONAL, policy = ReferencePolicy.DYNAMIC)
    void bindCore(IommuService service) {
        core.set(service);
    }

    /** The core goes. */
    void unbindCore(IommuService service) {
        core.compareAndSet(service, null);
    }

    /** The service of explanations has come. */
    @Reference(name = "explain", cardinality = ReferenceCardinality.OPTIONAL, policy = ReferencePolicy.DYNAMIC)
    void bindExplain(ExplainService service) {
        explain.set(service);
    }

    /** The service of explanations goes. */
    void unbindExplain(ExplainService service) {
        explain.compareAndSet(service, null);
    }

    /** The service of replays has come. */
    @Reference(name = "replay", cardinality = ReferenceCardinality.OPTIONAL, policy = ReferencePolicy.DYNAMIC)
    void bindReplay(ReplayService service) {
        replays.set(service);
    }

    /** The service of replays goes. */
    void unbindReplay(ReplayService service) {
        replays.compareAndSet(service, null);
    }

    /** The service of records has come. */
    @Reference(name = "record", cardinality = ReferenceCardinality.OPTIONAL, policy = ReferencePolicy.DYNAMIC)
    void bindRecord(RecordService service) {
        records.set(service);
    }

    /** The service of records goes. */
    void unbindRecord(RecordService service) {
        records.compareAndSet(service, null);
    }

    /** Takes the commands away, and ends what is being recorded. */
    @Deactivate
    public void close() {
        recording.close();
        registration.unregister();
        forbidding.unregister();
    }
}
