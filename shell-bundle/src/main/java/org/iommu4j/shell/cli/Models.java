package org.iommu4j.shell.cli;

import java.util.Arrays;
import java.util.List;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Nearest;
import org.iommu4j.core.service.OneLine;

/** Models as users write them. */
public final class Models {
    private Models() {}

    /**
     * The model of a label.
     *
     * @throws CommandFailure naming the labels that exist
     */
    public static IommuModel parse(String label) {
        IommuModel model = IommuModel.ofLabel(label);
        if (model == null) {
            List<String> known =
                    Arrays.stream(IommuModel.values()).map(IommuModel::label).toList();
            throw new CommandFailure(
                    ExitStatus.USAGE,
                    "unknown model '" + OneLine.name(label) + "'" + Nearest.question(label, known) + "; models: "
                            + String.join(", ", known),
                    null);
        }
        return model;
    }

    /** The labels of the models that a backend serves now, in order; empty if there is none. */
    public static List<String> installed(IommuService service) {
        return service.backends().stream()
                .filter(backend -> backend.state() == BackendStatus.State.ACTIVE)
                .map(BackendStatus::model)
                .distinct()
                .sorted()
                .map(IommuModel::label)
                .toList();
    }

    /** The one line for a model that no backend serves, with what is there that should and why it does not. */
    public static String notInstalled(IommuModel model, IommuService service) {
        List<String> installed = installed(service);
        return "model '" + model.label() + "' is not installed; installed: "
                + (installed.isEmpty() ? "none" : String.join(", ", installed))
                + because(service.absence(model));
    }

    private static String because(String absence) {
        return absence.isEmpty() ? "" : "; not serving: " + absence;
    }
}
